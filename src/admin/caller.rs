//! Who is at the other end: the uid that the kernel vouches for, as a login name where the system's files know one.
//!
//! Only `/etc/passwd` and `/etc/group` are read: names of a directory service would need its library and its network, so
//! such callers appear by number.

use tokio::net::UnixStream;

/// The caller's login name, or `uid:` and the number.
pub(super) fn actor(stream: &UnixStream) -> std::io::Result<String> {
    Ok(login_name(stream.peer_cred()?.uid()))
}

/// The login name of a uid, or `uid:` and the number.
#[must_use]
pub fn login_name(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&passwd, uid).unwrap_or_else(|| format!("uid:{uid}"))
}

/// The number of the group `tidegate`, where the system has one.
pub(super) fn operators() -> Option<u32> {
    number_of(&std::fs::read_to_string("/etc/group").unwrap_or_default(), "tidegate")
}

fn name_of(passwd: &str, uid: u32) -> Option<String> {
    let (name, _) = entries(passwd).find(|(_, id)| *id == uid)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '$');
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
}

fn number_of(group: &str, name: &str) -> Option<u32> {
    entries(group).find(|(entry, _)| *entry == name).map(|(_, id)| id)
}

/// Names and numbers: the first and the third field of a line, in both files.
fn entries(text: &str) -> impl Iterator<Item = (&str, u32)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((name, fields.nth(1)?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\n\nrubbish\nada:x:1000:1000:Ada L.:/home/ada:/bin/sh\nb d:x:1001:1001:::\n";

    #[test]
    fn a_uid_becomes_a_login_name_only_when_the_file_has_a_plain_one() {
        for (uid, name) in [(0, Some("root")), (1000, Some("ada")), (1001, None), (7, None)] {
            assert_eq!(name_of(PASSWD, uid).as_deref(), name, "{uid}");
        }
    }

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let group = "tidegate2:x:7:\ntidegate:x:998:ada\n";
        assert_eq!(number_of(group, "tidegate"), Some(998));
        assert_eq!(number_of(group, "tide"), None);
    }
}
