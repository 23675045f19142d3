//! Which traces are recorded.

use clap::ValueEnum;
use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// The standard samplers, by the names that they have in OTEL_TRACES_SAMPLER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum SamplerName {
    /// Every trace that its client samples, and those that begin here.
    #[default]
    ParentbasedAlwaysOn,
    /// Every trace that its client samples, and of those that begin here the share of
    /// OTEL_TRACES_SAMPLER_ARG.
    ParentbasedTraceidratio,
    /// Only traces that their client samples.
    ParentbasedAlwaysOff,
    /// Every span.
    AlwaysOn,
    /// The share of OTEL_TRACES_SAMPLER_ARG.
    Traceidratio,
    /// None.
    AlwaysOff,
}

impl SamplerName {
    /// Returns whether it never records a span whose parent is not sampled.
    pub(crate) fn follows_parents(self) -> bool {
        use SamplerName as Name;
        matches!(
            self,
            Name::ParentbasedAlwaysOn | Name::ParentbasedTraceidratio | Name::ParentbasedAlwaysOff
        )
    }

    /// Returns the sampler; `share` is that of the traces that begin here, from 0 to 1.
    pub(crate) fn sampler(self, share: f64) -> Box<dyn ShouldSample> {
        let root = match self {
            Self::ParentbasedAlwaysOn | Self::AlwaysOn => Sampler::AlwaysOn,
            Self::ParentbasedTraceidratio | Self::Traceidratio => Sampler::TraceIdRatioBased(share),
            Self::ParentbasedAlwaysOff | Self::AlwaysOff => Sampler::AlwaysOff,
        };
        if self.follows_parents() {
            Box::new(FollowsLinks(Sampler::ParentBased(Box::new(root))))
        } else {
            Box::new(root)
        }
    }
}

/// Samples a trace that begins with a link to a sampled span: the batch that writes a traced link,
/// and the replay of one, are part of what its trace shows.
#[derive(Debug, Clone)]
struct FollowsLinks(Sampler);

impl ShouldSample for FollowsLinks {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let has_parent = parent.is_some_and(Context::has_active_span);
        if !has_parent && links.iter().any(|link| link.span_context.is_sampled()) {
            return SamplingResult {
                decision: SamplingDecision::RecordAndSample,
                attributes: Vec::new(),
                trace_state: TraceState::NONE,
            };
        }
        self.0.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::TraceContext;

    /// Whether a span is sampled: without a parent or link, and by the flag of the one or the other.
    #[test]
    fn the_parent_decides_then_the_links_then_the_share() {
        let context = |flag: &str| {
            let text = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flag}");
            text.parse::<TraceContext>().unwrap().to_span_context(true)
        };
        use SamplerName as Name;
        for (name, alone, sampled_parent, other_parent, sampled_link, other_link) in [
            (Name::ParentbasedAlwaysOn, true, true, false, true, true),
            (Name::ParentbasedAlwaysOff, false, true, false, true, false),
            (Name::ParentbasedTraceidratio, false, true, false, true, false),
            (Name::AlwaysOn, true, true, true, true, true),
            (Name::AlwaysOff, false, false, false, false, false),
            (Name::Traceidratio, false, false, false, false, false),
        ] {
            let sampler = name.sampler(0.0);
            let is_sampled = |parent: Option<&str>, link: Option<&str>| {
                let parent =
                    parent.map(|flag| Context::new().with_remote_span_context(context(flag)));
                let parent = parent.unwrap_or_default();
                let links: Vec<Link> =
                    link.map(|flag| Link::with_context(context(flag))).into_iter().collect();
                let (id, kind) = (TraceId::from(1), SpanKind::Internal);
                let result = sampler.should_sample(Some(&parent), id, "", &kind, &[], &links);
                result.decision == SamplingDecision::RecordAndSample
            };
            assert_eq!(is_sampled(None, None), alone, "{name:?}");
            assert_eq!(is_sampled(Some("01"), None), sampled_parent, "{name:?}");
            assert_eq!(is_sampled(Some("00"), None), other_parent, "{name:?}");
            assert_eq!(is_sampled(None, Some("01")), sampled_link, "{name:?}");
            assert_eq!(is_sampled(None, Some("00")), other_link, "{name:?}");
        }
    }

    #[test]
    fn a_share_is_of_the_traces_that_begin_here() {
        let sampler = SamplerName::ParentbasedTraceidratio.sampler(0.25);
        let sampled = (0..10_000_u128).filter(|number| {
            // The SDK reads the low bits of the id, which are random.
            let id = TraceId::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
            let none = Context::new();
            let result = sampler.should_sample(Some(&none), id, "", &SpanKind::Server, &[], &[]);
            result.decision == SamplingDecision::RecordAndSample
        });
        assert!((2_000..3_000).contains(&sampled.count()));
    }
}
