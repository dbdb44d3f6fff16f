//! Bad input: a clear message, the right exit code, and no change in the tenant.

use super::bed::Bed;
use super::plans;
use tidegate::sim::{Change, PILOT_GROUP};

#[test]
fn look() {
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    for what in ["secret", "users", "groups", "members", "policy", "audit", "roles", "mail", "unknown", "two", "empty", "away"] {
        let mut profile = plans::orderly(40);
        let gone = match what {
            "users" => "User.Read.All",
            "groups" => "Group.ReadBasic.All",
            "members" => "GroupMember.ReadWrite.All",
            "policy" => "Policy.Read.All",
            "audit" => "AuditLog.Read.All",
            "roles" => "RoleManagement.Read.Directory",
            "mail" => "Mail.Send",
            _ => "-",
        };
        profile.roles.retain(|role| role != gone);
        let bed = Bed::new(profile);
        let plan = plans::short(&bed, "");
        match what {
            "secret" => bed.write("secret", "wrong"),
            "unknown" => bed.write("plan.toml", &plan.replace("MFA Enforced", "No Such Group")),
            "two" => bed.tenant().change(now, Change::AddGroup("MFA Enforced".to_owned())).unwrap(),
            "empty" => {
                bed.tenant().change(now, Change::AddGroup("Nobody".to_owned())).unwrap();
                bed.write("plan.toml", &plan.replace(PILOT_GROUP, "Nobody"));
            }
            "away" => bed.write("plan.toml", &plan.replace(bed.url(), "http://127.0.0.1:9")),
            _ => {}
        }
        let ended = bed.run(&["plan"]);
        println!("== {what}\nplan {:?}: {}", ended.code, ended.says());
        let began = tidegate::clock::Clock::monotonic();
        let ended = bed.run_max(plans::SHORT_BEGIN);
        println!(
            "run {:?}: {} ({:?}, {} lines)",
            ended.code,
            ended.says(),
            tidegate::clock::Clock::monotonic().duration_since(began),
            ended.log.lines().count()
        );
        for r in ended.log.lines().filter(|l| l.contains("WARN") || l.contains("ERROR")).take(4) {
            println!("     {}", &r[..r.len().min(500)]);
        }
        let t = bed.tenant();
        println!("writes {} mails {}", t.writes().len(), t.mails().len());
    }
}
