//! What a key allows.

use std::fmt;
use std::str::FromStr;

/// What the holder of a key may do. No scope includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Submit links.
    Submit,
    /// Read what is stored.
    Read,
    /// Act on what others have submitted: replay, retry, delete.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Submit, Self::Read, Self::Admin];

    /// The scope as operators write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a scope; those are submit, read and admin"))
    }
}

/// One or more scopes, written with commas between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes {
    /// A bit for each scope.
    bits: u8,
}

impl Scopes {
    /// Returns every scope.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Returns each of them.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// Whether this scope is one of them.
    pub fn contains(self, scope: Scope) -> bool {
        self.bits & scope.bit() != 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self { bits: scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()) }
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Scopes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(|name| name.trim().parse::<Scope>()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_written_and_none_includes_another() {
        for (text, written) in [
            ("submit", "submit"),
            ("admin, read", "read,admin"),
            ("read,read,submit,admin", "submit,read,admin"),
        ] {
            assert_eq!(text.parse::<Scopes>().unwrap().to_string(), written);
        }
        for text in ["", "read,", "Read", "write"] {
            assert!(text.parse::<Scopes>().is_err(), "{text}");
        }
        for one in Scope::ALL {
            let only = Scopes::from_iter([one]);
            assert!(Scope::ALL.into_iter().all(|scope| only.contains(scope) == (scope == one)));
        }
    }
}
