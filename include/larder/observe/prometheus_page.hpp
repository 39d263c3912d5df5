#pragma once

#include <larder/core/latency_report.hpp>
#include <larder/core/time.hpp>
#include <larder/observe/escaped_text.hpp>
#include <larder/observe/number_text.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::observe {

/// Figures of any number of caches in the text format of Prometheus (0.0.4): each family once, with its help and type, its samples
/// together. A `metric_visitor`.
class prometheus_page {
 public:
  /// From here on figures are of the cache of this name.
  void begin(std::string_view name) {
    labels_ = "cache=\"" + escaped_label(name) + "\"";
    subject_.clear();
  }
  std::string text() const {
    std::string all;
    for (const family& each : families_) {
      all += "# HELP " + each.name + " " + each.help + "\n# TYPE " + each.name + " ";
      ((all += each.type) += '\n') += each.samples;
    }
    return all;
  }

  template <class F>
  void of(std::string_view subject, F&& f) {
    std::string before = std::exchange(subject_, std::string(subject));
    f(*this);
    subject_ = std::move(before);
  }
  template <class F>
  void part(std::string_view kind, std::size_t number, F&& f) {
    std::string before = labels_;
    labels_ += "," + std::string(kind) + "=\"" + std::to_string(number) + "\"";
    f(*this);
    labels_ = std::move(before);
  }
  void count(std::string_view name, std::string_view help, std::uint64_t n) {
    sample(name, "_total", "counter", help, {}, {}, number_text(n));
  }
  template <class Number>
  void gauge(std::string_view name, std::string_view help, Number x) {
    sample(name, "", "gauge", help, {}, {}, number_text(x));
  }
  void seconds(std::string_view name, std::string_view help, duration d) {
    sample(name, "_seconds_total", "counter", help, {}, {}, seconds_text(d));
  }
  void count_by(std::string_view name, std::string_view help, std::string_view label, std::string_view value, std::uint64_t n) {
    sample(name, "_total", "counter", help, label, value, number_text(n));
  }
  void gauge_by(std::string_view name, std::string_view help, std::string_view label, std::string_view value, double x) {
    sample(name, "", "gauge", help, label, value, number_text(x));
  }
  /// 1 for what it is; what it was before is not said any more.
  void state(std::string_view name, std::string_view help, std::string_view label, std::string_view value) {
    sample(name, "", "gauge", help, label, value, "1");
  }
  void note(std::string_view, std::string_view) noexcept {}

  /// By powers of four of nanoseconds from 64 ns to 69 s, which are ends of buckets, so that the counts are exact.
  void latency(std::string_view operation, const latency_summary& spans) {
    family& here =
        family_of("larder_latency_seconds", "histogram", "How long operations took; gets and puts by a sample of them.");
    const std::string labels = labels_ + ",operation=\"" + escaped_label(operation) + "\"";
    const auto line = [&](std::string_view suffix, const std::string& more, const std::string& number) {
      ((here.samples += here.name) += suffix) += "{" + labels + more + "} " + number + "\n";
    };
    std::uint64_t below = 0;
    auto next = spans.buckets.begin();
    for (unsigned power = 6; power <= 36; power += 2) {
      const duration end{std::int64_t{1} << power};
      for (; next != spans.buckets.end() && next->upto <= end; ++next) below += next->count;
      line("_bucket", ",le=\"" + seconds_text(end) + "\"", std::to_string(below));
    }
    for (; next != spans.buckets.end(); ++next) below += next->count;
    line("_bucket", ",le=\"+Inf\"", std::to_string(below));
    line("_sum", "", seconds_text(spans.total));
    line("_count", "", std::to_string(below));
  }

 private:
  struct family {
    std::string name;
    std::string type;
    std::string help;
    std::string samples;
  };

  family& family_of(const std::string& name, std::string_view type, std::string_view help) {
    const auto [at, is_new] = places_.try_emplace(name, families_.size());
    if (is_new) families_.push_back({name, std::string(type), std::string(help), {}});
    return families_[at->second];
  }
  void sample(std::string_view name, std::string_view suffix, std::string_view type, std::string_view help,
              std::string_view label, std::string_view value, const std::string& number) {
    std::string whole = "larder_";
    if (!subject_.empty()) (whole += subject_) += '_';
    (whole += name) += suffix;
    family& here = family_of(whole, type, help);
    (here.samples += whole) += "{" + labels_;
    if (!label.empty()) ((here.samples += ',') += label) += "=\"" + escaped_label(value) + "\"";
    here.samples += "} " + number + "\n";
  }

  std::string labels_;
  std::string subject_;
  std::vector<family> families_;
  std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace larder::observe
