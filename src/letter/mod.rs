//! The texts of notices: from a template and what is known of one person to a finished letter, as plain text and as HTML.
//!
//! Pure: reads no file, sends nothing, decides nothing about whom and when. In reading order: `kind` says which notice it is, `texts`
//! holds the templates by language and kind, `engine` renders them, `markup` reads what was rendered as blocks, `plain` and `html` write
//! these out, `check` judges an operator's text before it is ever used; `managers` writes the lists for managers,
//! `memo` the mails to operators,
//! which are no notices. Invariants: what is known of people is data and never template, markup or header; a letter about a date in force
//! names it, with its zone.

mod check;
mod clean;
mod dates;
mod engine;
pub mod handouts;
mod html;
mod kind;
pub mod managers;
mod markup;
pub mod memo;
mod plain;
mod scan;
mod texts;

#[cfg(test)]
mod tests;

pub use check::{Finding, Given, Part, check};
pub use engine::VARIABLES;
pub use kind::Kind;
pub use scan::sign_in_page;
pub use texts::{Facts, Letter, Source, Style, TextError, Texts};
