"""Verifies a journal from its format alone: python3 docs/verify_journal.py STATE/journal"""
import hashlib, json, pathlib, sys

before, seq = "0" * 64, 0
segments = sorted(pathlib.Path(sys.argv[1]).glob("*.log"))
for segment in segments:
    for number, line in enumerate(segment.read_bytes().split(b"\n")[:-1], start=1):
        claimed, _, record = line.partition(b" ")
        before = hashlib.sha256(before.encode() + b" " + record).hexdigest()
        seq += 1
        if before != claimed.decode("ascii", "replace") or json.loads(record)["seq"] != seq:
            sys.exit(f"{segment.name}:{number}: the chain breaks at record {seq}")
    if not segment.read_bytes().endswith(b"\n"):
        sys.exit(f"{segment.name}: ends within a record after {seq}: torn if it is the newest segment")
if not seq:
    sys.exit("no records")
print(f"{seq} records in {len(segments)} segments; head {before}")
