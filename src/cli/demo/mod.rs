//! `usher demo`: the whole walk, with a company that ships with the project. It goes through the same commands and answers as the
//! command line: what is shown is what everybody gets.

mod command;
mod company;
mod expect;
mod guards;
mod walk;

pub(crate) use command::Demo;
