//! `completions`: for bash, zsh and fish, made from the command line's own definition.

use clap::CommandFactory;
use clap_complete::Shell as Generator;

use super::args::{Args, Completions, Shell};
use super::{Exit, Failure};

pub(super) fn completions(verb: &Completions) -> Result<Exit, Failure> {
    let shell = match verb.shell {
        Shell::Bash => Generator::Bash,
        Shell::Zsh => Generator::Zsh,
        Shell::Fish => Generator::Fish,
    };
    clap_complete::generate(shell, &mut Args::command(), "tidegate", &mut std::io::stdout());
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        Args::command().debug_assert();
    }
}
