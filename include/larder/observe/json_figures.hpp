#pragma once

#include <larder/core/latency_report.hpp>
#include <larder/core/time.hpp>
#include <larder/observe/escaped_text.hpp>
#include <larder/observe/number_text.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::observe {

/// Figures of one cache as a JSON object, with an object for each subject. A `metric_visitor`.
class json_figures {
 public:
  explicit json_figures(std::string_view name) { put(root_, "name", quoted(name)); }
  std::string text() const { return text_of(root_); }

  template <class F>
  void of(std::string_view subject, F&& f) {
    within(subject, f);
  }
  template <class F>
  void part(std::string_view kind, std::size_t number, F&& f) {
    within(std::string(kind) + "_" + std::to_string(number), f);
  }
  void count(std::string_view name, std::string_view, std::uint64_t n) { put(*at_, name, number_text(n)); }
  void gauge(std::string_view name, std::string_view, std::uint64_t n) { put(*at_, name, number_text(n)); }
  void gauge(std::string_view name, std::string_view, double x) { put(*at_, name, json_number(x)); }
  void seconds(std::string_view name, std::string_view, duration d) {
    put(*at_, std::string(name) + "_seconds", seconds_text(d));
  }
  void count_by(std::string_view name, std::string_view, std::string_view, std::string_view value, std::uint64_t n) {
    put(child(*at_, name), value, number_text(n));
  }
  void gauge_by(std::string_view name, std::string_view, std::string_view, std::string_view value, double x) {
    put(child(*at_, name), value, json_number(x));
  }
  void state(std::string_view name, std::string_view, std::string_view, std::string_view value) {
    put(*at_, name, quoted(value));
  }
  void note(std::string_view name, std::string_view text) { put(*at_, name, quoted(text)); }
  void latency(std::string_view operation, const latency_summary& spans) {
    object& here = child(*at_, operation);
    put(here, "count", number_text(spans.count()));
    put(here, "seconds", seconds_text(spans.total));
    put(here, "p50_seconds", seconds_text(spans.quantile(0.5)));
    put(here, "p90_seconds", seconds_text(spans.quantile(0.9)));
    put(here, "p99_seconds", seconds_text(spans.quantile(0.99)));
    put(here, "p999_seconds", seconds_text(spans.quantile(0.999)));
    put(here, "longest_seconds", seconds_text(spans.longest()));
  }

 private:
  struct object {
    std::vector<std::pair<std::string, std::string>> members;
    std::vector<std::pair<std::string, std::unique_ptr<object>>> children;
  };

  static std::string quoted(std::string_view text) { return "\"" + escaped_json(text) + "\""; }
  static std::string json_number(double x) { return std::isfinite(x) ? number_text(x) : "null"; }
  static void put(object& in, std::string_view name, std::string value) { in.members.emplace_back(name, std::move(value)); }
  static object& child(object& in, std::string_view name) {
    for (auto& [known, one] : in.children)
      if (known == name) return *one;
    return *in.children.emplace_back(name, std::make_unique<object>()).second;
  }
  template <class F>
  void within(std::string_view name, F&& f) {
    object* const before = std::exchange(at_, &child(*at_, name));
    f(*this);
    at_ = before;
  }
  static std::string text_of(const object& in) {
    std::string out = "{";
    const auto name = [&](std::string_view text) -> std::string& {
      return (out += out.size() == 1 ? "" : ",") += quoted(text) + ":";
    };
    for (const auto& [member, value] : in.members) name(member) += value;
    for (const auto& [member, one] : in.children) name(member) += text_of(*one);
    return out + "}";
  }

  object root_;
  object* at_ = &root_;
};

}  // namespace larder::observe
