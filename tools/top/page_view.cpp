#include "top/page_view.hpp"

#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"
#include "top/rate.hpp"

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/observe/escaped_text.hpp>

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace top {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

std::optional<double> number_in(const object& from, std::string_view name) {
  double number = 0;
  return from[name].get(number) == simdjson::SUCCESS ? std::optional<double>(number) : std::nullopt;
}
std::uint64_t count_in(const object& from, std::string_view name) {
  const std::optional<double> found = number_in(from, name);
  return found && *found > 0 ? static_cast<std::uint64_t>(std::min(*found, 9.0e18)) : 0;
}
std::optional<object> object_in(const object& from, std::string_view name) {
  object found;
  return from[name].get(found) == simdjson::SUCCESS ? std::optional<object>(found) : std::nullopt;
}

/// A line of the table: what is known of a cache.
struct row {
  std::string name;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::optional<std::uint64_t> entries{};
  std::optional<std::uint64_t> evictions{};
  std::optional<double> full{};
  std::optional<double> p99{};
  std::uint64_t failures = 0;
};

void read_cache(const object& of, row& to) {
  if (number_in(of, "entries")) to.entries = count_in(of, "entries");
  to.evictions = count_in(of, "evictions");
  const double weight = number_in(of, "weight").value_or(0);
  if (const auto bytes = number_in(of, "capacity_bytes"); bytes && *bytes > 0) to.full = weight / *bytes;
  if (const auto entries = number_in(of, "capacity_entries"); !to.full && entries && *entries > 0 && to.entries)
    to.full = static_cast<double>(*to.entries) / *entries;
  if (const auto errors = object_in(of, "errors"))
    for (const auto& each : *errors) to.failures += count_in(*errors, each.key);
}
/// The figures of one cache, or of tiers as a whole.
row row_of(const object& from, std::string name) {
  row made{.name = std::move(name)};
  for (const char* const subject : {"cache", "tiers", "dataset", "resolution", "packages"})
    if (const auto of = object_in(from, subject)) {
      made.hits = count_in(*of, "hits");
      made.misses = count_in(*of, number_in(*of, "misses") ? "misses" : "made");
      if (std::string_view(subject) == "cache") read_cache(*of, made);
      if (std::string_view(subject) == "tiers" && number_in(*of, "entries")) made.entries = count_in(*of, "entries");
    }
  if (const auto of = object_in(from, "latency"))
    if (const auto get = object_in(*of, "get"); get && count_in(*get, "count") != 0) made.p99 = number_in(*get, "p99_seconds");
  return made;
}

/// A cache's line, and one for each of its tiers. The whole is as full as the slowest tier that knows its limit, as what leaves there is gone.
void add_rows(const object& from, std::string name, std::vector<row>& to) {
  const std::size_t whole = to.size();
  to.push_back(row_of(from, std::move(name)));
  for (unsigned tier = 0;; ++tier) {
    const auto part = object_in(from, "tier_" + std::to_string(tier));
    if (!part) return;
    std::string_view kind;
    const bool is_named = (*part)["tier_kind"].get(kind) == simdjson::SUCCESS;
    row made = row_of(*part, is_named ? "  " + simulate::printable(kind) : "  tier " + std::to_string(tier));
    to[whole].failures += made.failures;
    if (made.full) {
      to[whole].full = made.full;
      to[whole].evictions = made.evictions;
    }
    to.push_back(std::move(made));
  }
}

std::size_t columns_of(std::string_view text) {
  std::size_t count = 0;
  larder::observe::for_each_character(text, [&](std::string_view) { ++count; });
  return count;
}
/// The text in so many columns, by characters: filled with blanks, or cut.
std::string in_columns(std::string_view text, std::size_t columns) {
  std::string out;
  std::size_t shown = 0;
  const std::size_t all = columns_of(text);
  larder::observe::for_each_character(text, [&](std::string_view character) {
    if (shown++ < (all > columns ? columns - 1 : columns)) out += character;
  });
  return all > columns ? out + "~" : out.append(columns - all, ' ');
}

std::string percent(double share) { return simulate::decimal(100 * share, 1); }
std::string span_of(double seconds) {
  if (seconds >= 1) return simulate::shortest(seconds, 3) + " s";
  if (seconds >= 1e-3) return simulate::shortest(seconds * 1e3, 3) + " ms";
  return seconds >= 1e-6 ? simulate::shortest(seconds * 1e6, 3) + " us" : simulate::shortest(seconds * 1e9, 3) + " ns";
}

class page_view final : public view {
 public:
  page_view(page_address at, larder::secret token) : at_(std::move(at)), token_(std::move(token)) {}

  std::string text(std::chrono::steady_clock::time_point now) override {
    const std::string body = ask_for_page(at_, "/status.json", token_);
    simdjson::dom::parser parser;
    const object root = status_in(body, parser);
    std::string_view version;
    if (root["version"].get(version) != simdjson::SUCCESS) version = "?";
    std::string out = "http://" + simulate::printable(at_.host) + ":" + at_.port + "  larder " + simulate::printable(version) +
                      "  up " + std::to_string(count_in(root, "uptime_seconds")) + " s\n";
    std::vector<row> rows;
    simdjson::dom::array caches;
    if (root["caches"].get(caches) == simdjson::SUCCESS) {
      for (const element each : caches) {
        object one;
        std::string_view name;
        if (each.get(one) != simdjson::SUCCESS || one["name"].get(name) != simdjson::SUCCESS) continue;
        add_rows(one, simulate::printable(name), rows);
      }
    } else {
      rows.push_back(weight_server_row(root));
    }
    return out + table(rows, now);
  }
  std::string json() override {
    std::string body = ask_for_page(at_, "/status.json", token_);
    simdjson::dom::parser parser;
    status_in(body, parser);
    std::replace(body.begin(), body.end(), '\n', ' ');
    while (!body.empty() && body.back() == ' ') body.pop_back();
    return body;
  }

 private:
  object status_in(const std::string& body, simdjson::dom::parser& parser) const {
    object root;
    if (parser.parse(body).get(root) != simdjson::SUCCESS)
      larder::core::fail(larder::error_cause::corruption,
                         "top: what " + at_.host + " port " + at_.port + " answers is no status of larder's");
    return root;
  }
  static row weight_server_row(const object& root) {
    row made{.name = "chunks",
             .hits = count_in(root, "hits"),
             .misses = count_in(root, "misses"),
             .entries = count_in(root, "entries"),
             .evictions = count_in(root, "evictions")};
    if (const auto bound = number_in(root, "capacity_bytes"); bound && *bound > 0)
      made.full = number_in(root, "memory_bytes").value_or(0) / *bound;
    made.failures = count_in(root, "damaged");
    return made;
  }

  struct rates {
    rate hits, looked, evicted;
  };

  std::string table(const std::vector<row>& rows, std::chrono::steady_clock::time_point now) {
    if (rows.empty()) return "  no cache is shown there yet\n";
    std::size_t widest = 5;
    for (const row& each : rows) widest = std::min<std::size_t>(std::max(widest, columns_of(each.name)), 32);
    std::string out;
    const auto cell = [&](std::string text, std::size_t width) {
      if (text.size() < width) text.insert(0, width - text.size(), ' ');
      out += "  " + text;
    };
    const auto name = [&](std::string_view text) { out += in_columns(text, widest); };
    name("CACHE");
    for (const auto& [title, width] : columns) cell(title, width);
    out += "\n";
    std::size_t place = 0;
    for (const row& each : rows) {
      rates& past = rates_[std::to_string(place++) + each.name];
      const std::uint64_t looked = each.hits + each.misses;
      const auto hits_now = past.hits.per_second(each.hits, now);
      const auto looked_now = past.looked.per_second(looked, now);
      const auto evicted_now = past.evicted.per_second(each.evictions.value_or(0), now);
      name(each.name);
      cell(looked == 0 ? "-" : percent(static_cast<double>(each.hits) / static_cast<double>(looked)), columns[0].second);
      cell(hits_now && looked_now && *looked_now > 0 ? percent(*hits_now / *looked_now) : "-", columns[1].second);
      cell(looked_now ? simulate::rounded(static_cast<std::uint64_t>(*looked_now + 0.5)) : "-", columns[2].second);
      cell(each.entries ? simulate::grouped(*each.entries) : "-", columns[3].second);
      cell(each.full ? percent(*each.full) : "-", columns[4].second);
      cell(each.evictions && evicted_now ? simulate::rounded(static_cast<std::uint64_t>(*evicted_now + 0.5)) : "-",
           columns[5].second);
      cell(each.p99 ? span_of(*each.p99) : "-", columns[6].second);
      cell(simulate::grouped(each.failures), columns[7].second);
      out += "\n";
    }
    return out;
  }

  static inline const std::vector<std::pair<std::string, std::size_t>> columns{
      {"HIT%", 5}, {"NOW%", 5}, {"LOOK/S", 7}, {"ENTRIES", 11}, {"FULL%", 6}, {"EVICT/S", 7}, {"P99", 8}, {"FAILED", 7}};
  page_address at_;
  larder::secret token_;
  std::map<std::string, rates> rates_;
};

}  // namespace

std::unique_ptr<view> view_of_page(page_address at, larder::secret token) {
  return std::make_unique<page_view>(std::move(at), std::move(token));
}

}  // namespace top
