//! What is made, beside Microsoft's published examples; they lie beside the repository, and where they are absent
//! nothing is compared, which the table of examples says.

use super::*;

fn example(file: &str) -> Option<Value> {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/graph-examples");
    Some(serde_json::from_str(&std::fs::read_to_string(folder.join(file)).ok()?).unwrap())
}

/// Where a value has members, as `/a/b`; those of a list count as one.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                all.push(format!("{at}/{name}"));
                places(value, &format!("{at}/{name}"), all);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| places(value, at, all)),
        _ => {}
    }
}

fn missing(from: &Value, of: &Value) -> Vec<String> {
    let [mut here, mut there] = [Vec::new(), Vec::new()];
    places(from, "", &mut here);
    places(of, "", &mut there);
    there.retain(|place| !here.contains(place));
    there.sort_unstable();
    there.dedup();
    there
}

#[test]
fn groups_and_policies_are_made_in_the_members_that_microsoft_shows() {
    let examples = ["group-create-security.request.json", "ca-policy-create-mfa-group.request.json"].map(example);
    let [Some(group), Some(policy)] = examples else { return };
    let piece = |name: &str| Piece { name: name.to_owned(), id: None };
    let draft = Draft {
        group: piece("MFA Enforced"),
        exempt: Some(piece("MFA Exempt")),
        policy: piece("Require MFA"),
        obstacles: Vec::new(),
        collisions: Vec::new(),
        break_glass: vec![ObjectId::from_bits(7)],
        require: Require::Mfa,
    };
    let bodies: Vec<Value> = draft.requests().into_iter().map(|(_, body)| body).collect();
    let [ours, exempt, made] = bodies.as_slice() else { panic!("{bodies:?}") };
    for ours in [ours, exempt] {
        assert_eq!(missing(&group, ours), [""; 0], "nothing that the example does not show");
        assert_eq!(missing(ours, &group), ["/members@odata.bind", "/owners@odata.bind"], "and people come later");
    }
    let users = ["excludeGroups", "excludeUsers", "includeUsers"].map(|name| format!("/conditions/users/{name}"));
    assert_eq!(missing(&policy, made), users, "whom it leaves out, and no users beside the group");
    assert_eq!(
        missing(made, &policy),
        ["/conditions/locations", "/conditions/locations/excludeLocations", "/conditions/locations/includeLocations"],
        "from everywhere"
    );
}
