//! The deadlines of calls: the driver itself would wait forever on a silent connection.

use std::time::Duration;

use crate::error::StoreError;

/// The deadline of one call, or of each query of a call that may have many.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The deadline for making indexes, which may have to read the complete collection.
pub(super) const SCHEMA_TIMEOUT: Duration = Duration::from_secs(120);

/// Returns the answer of a call, or an error if it does not come within the deadline.
pub(super) async fn within<T, E: Into<StoreError>>(
    deadline: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(deadline, call).await {
        Ok(answer) => answer.map_err(E::into),
        Err(_) => {
            let problem = format!("MongoDB did not answer within {deadline:?}");
            Err(StoreError::Unreachable(problem))
        }
    }
}
