//! Each plan under `tests/fixtures/broken/` is refused with the problems that lie beside it in `.expected`.
//!
//! `UPDATE_EXPECTED=1 cargo test broken` writes the files anew: read the difference before you commit it.

use std::path::{Path, PathBuf};

use tidegate::config::{self, Problems, Severity};

#[test]
fn each_broken_plan_is_refused_with_place_and_remedy() {
    // The working directory of tests is the package: relative paths make the same text everywhere.
    let folder = Path::new("tests/fixtures/broken");
    let mut plans: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    plans.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    plans.sort();
    assert!(plans.len() >= 20, "{} plans", plans.len());
    for plan in plans {
        let Err(problems) = config::load(&plan, std::iter::empty()) else { panic!("{} is not refused", plan.display()) };
        assert!(problems.0.iter().any(|problem| problem.severity == Severity::Error), "{}", plan.display());
        agree(&plan, &problems).unwrap();
    }
}

#[test]
fn what_may_be_meant_is_a_warning() {
    for plan in ["tests/fixtures/warnings.toml", "tests/fixtures/pace.toml"].map(Path::new) {
        let loaded = config::load(plan, std::iter::empty()).unwrap_or_else(|problems| panic!("{problems}"));
        agree(plan, &Problems(loaded.warnings)).unwrap();
    }
}

/// Compares with the `.expected` file beside the plan, or writes it.
fn agree(plan: &Path, problems: &Problems) -> std::io::Result<()> {
    let found = format!("{problems}\n");
    let expected = plan.with_extension("expected");
    if config::environment().any(|(name, _)| name == "UPDATE_EXPECTED") {
        std::fs::write(&expected, &found)?;
    }
    assert_eq!(found, std::fs::read_to_string(&expected)?, "{}", plan.display());
    Ok(())
}
