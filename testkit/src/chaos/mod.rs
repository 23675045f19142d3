//! The fault suite: linkrelay's own processes on real servers, a load, and a schedule of faults;
//! at the end a check compares what was promised with what is there.
//!
//! In reading order: [`settings`](ChaosSettings) say how a run is done; `schedule` is what goes
//! wrong and when, `load` what is sent and what it must become; `world` starts everything and
//! breaks it, `replace` upgrades it instead, `send` sends; `check` compares what was promised with what is there; `report` has the
//! timeline, the violations and the figures; `run` is the whole of it, and its result a
//! [`Report`].
//!
//! Links, failures and faults follow from the seed; their exact timing does not, because it depends
//! on the machine. It must not know: how linkrelay works inside. It starts its programs, uses its
//! HTTP API, and reads what the contract says is in the topics and in the collection.

mod check;
mod load;
mod replace;
mod report;
mod run;
mod schedule;
mod send;
mod settings;
mod world;

pub use check::Tally;
pub use report::{Figures, Report};
pub use run::run;
pub use settings::{Brokers, ChaosSettings, Protocol, Replacement};
