//! The linkrelay command.

fn main() {}
