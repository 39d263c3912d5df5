#pragma once

#include <larder/core/latency_report.hpp>
#include <larder/core/time.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace larder {

/// What is shown the figures of a stats struct by its `visit_metrics(stats, visitor)`, which names each of them once. Beside every stats struct
/// there is one; a struct of your own takes part with a function of that name in its namespace.
///
/// * `of(subject, f)`: f(visitor) shows the figures of a subject, such as `cache` or `remote`.
/// * `part(kind, number, f)`: f(visitor) shows those of one of several, such as a tier.
/// * `count(name, help, n)`: what only grows. `gauge(name, help, x)`: what goes up and down.
/// * `seconds(name, help, d)`: a time that only grows.
/// * `count_by`, `gauge_by(name, help, label, value, n)`: one of several figures that differ by a label's value.
/// * `state(name, help, label, value)`: a word, one of a few. `note(name, text)`: a sentence for people.
/// * `latency(operation, summary)`: durations, by buckets.
///
/// `help` is one sentence; names are lower-case words with `_`, and say their unit where it is bytes.
template <class V>
concept metric_visitor = requires(V v, std::string_view text, std::uint64_t n, std::size_t i, double x, duration d,
                                  const latency_summary& spans, void (*f)(V&)) {
  v.of(text, f);
  v.part(text, i, f);
  v.count(text, text, n);
  v.gauge(text, text, n);
  v.gauge(text, text, x);
  v.seconds(text, text, d);
  v.count_by(text, text, text, text, n);
  v.gauge_by(text, text, text, text, x);
  v.state(text, text, text, text);
  v.note(text, text);
  v.latency(text, spans);
};

}  // namespace larder
