#include "simulate_command.hpp"

#include "exit_code.hpp"
#include "progress.hpp"
#include "simulate/curve_picture.hpp"
#include "simulate/miss_ratio_table.hpp"
#include "simulate/number_text.hpp"
#include "simulate/results_json.hpp"
#include "simulate/results_page.hpp"
#include "simulate/trace_reader.hpp"
#include "simulate/trace_result.hpp"

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tools {
namespace {

struct options {
  std::vector<std::string> traces;
  std::string policies = "all";
  std::string sizes = "0.1%,0.2%,0.5%,1%,2%,5%,10%,20%,50%";
  std::string by = "entries";
  std::string format = "auto";
  simulate::trace_reading reading;
  std::string delimiter;
  unsigned threads = 0;
  std::string svg;
  std::string html;
  std::string json;
  bool quiet = false;
};

std::string names_of_policies() {
  std::string names;
  for (const simulate::policy& order : simulate::all_policies()) names += (names.empty() ? "" : ", ") + std::string(order.name);
  return names;
}

/// What a word of the command line stands for; throws `larder::error` for one that is not among them.
template <class Meaning>
Meaning meaning_of(const std::string& word, std::string_view option,
                   std::initializer_list<std::pair<std::string_view, Meaning>> words) {
  std::string known;
  for (const auto& [name, meaning] : words) {
    if (name == word) return meaning;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  throw larder::error(larder::error_cause::invalid_argument, std::string(option) + ": \"" + word + "\" is not one of " + known);
}
char delimiter_of(const std::string& text) {
  if (text.empty()) return 0;
  if (text == "tab" || text == "\\t") return '\t';
  if (text.size() != 1 || text == "\"")
    throw larder::error(larder::error_cause::invalid_argument,
                        "--csv-delimiter: \"" + text + "\" is not one character; write one, or tab");
  return text.front();
}

void write(const std::string& path, const std::string& content) {
  if (path.empty()) return;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (!file)
    throw larder::error(larder::error_cause::io,
                        "\"" + path + "\" could not be written; is its directory there, and is there room?");
}

std::string what_was_read(const simulate::request_trace& trace) {
  std::string text = simulate::grouped(trace.size()) + " requests, " + simulate::grouped(trace.key_count) + " keys";
  if (trace.has_sizes()) text += ", " + larder::format_size(trace.footprint_bytes);
  return text;
}

std::vector<simulate::request_trace> read(const options& chosen) {
  std::vector<simulate::request_trace> traces;
  for (const std::string& path : chosen.traces) {
    std::optional<progress> bar;
    if (!chosen.quiet) bar.emplace("reading " + simulate::name_of_trace(path), std::size_t{1}, stderr);
    traces.push_back(simulate::read_trace(path, chosen.reading));
    if (bar) bar->finish(what_was_read(traces.back()));
  }
  return traces;
}

int run(options& chosen) {
  std::vector<const simulate::policy*> policies;
  std::vector<simulate::cache_size> sizes;
  auto by = simulate::counted::entries;
  try {
    using simulate::counted;
    using simulate::trace_format;
    policies = simulate::policies_named(chosen.policies);
    by = meaning_of<counted>(chosen.by, "--by", {{"entries", counted::entries}, {"bytes", counted::bytes}});
    sizes = simulate::parse_cache_sizes(chosen.sizes, by);
    chosen.reading.format = meaning_of<trace_format>(chosen.format, "--format",
                                                     {{"auto", trace_format::automatic},
                                                      {"text", trace_format::text},
                                                      {"csv", trace_format::csv},
                                                      {"oracle", trace_format::oracle_general}});
    chosen.reading.csv.delimiter = delimiter_of(chosen.delimiter);
    if (std::count(chosen.traces.begin(), chosen.traces.end(), "-") > 1)
      throw larder::error(larder::error_cause::invalid_argument, "standard input (-) can be read once; name it once");
  } catch (const larder::error& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return exit_code::wrong_use;
  }
  const bool names_column = chosen.reading.csv.key != 0 || chosen.reading.csv.size != 0 || chosen.reading.csv.delimiter != 0;
  if (names_column && chosen.reading.format == simulate::trace_format::automatic)
    chosen.reading.format = simulate::trace_format::csv;

  const std::vector<simulate::request_trace> traces = read(chosen);
  if (by == simulate::counted::bytes)
    for (const simulate::request_trace& trace : traces)
      if (!trace.has_sizes()) {
        std::fprintf(stderr,
                     "larder: trace \"%s\" has no sizes, so its caches cannot be limited by bytes; use --by entries, or name its "
                     "column with --csv-size\n",
                     trace.name.c_str());
        return exit_code::wrong_use;
      }

  std::optional<progress> bar;
  if (!chosen.quiet) bar.emplace("simulating", std::size_t{100}, stderr, " %");
  const std::vector<simulate::trace_result> results =
      simulate::simulate_all(traces, policies, sizes, by, chosen.threads, [&](std::uint64_t requests, std::uint64_t all) {
        if (bar) bar->at(static_cast<std::size_t>(requests * 100 / std::max<std::uint64_t>(all, 1)));
      });
  std::size_t caches = 0;
  for (const simulate::trace_result& result : results) caches += result.capacities.size() * result.curves.size();
  if (bar) bar->finish(simulate::grouped(caches) + " caches");

  const bool for_programs = chosen.json == "-";
  if (for_programs) {
    std::fputs(simulate::results_json(results).c_str(), stdout);
  } else {
    for (const simulate::trace_result& result : results)
      std::printf("%s%s", &result == results.data() ? "" : "\n", simulate::miss_ratio_table(result).c_str());
    std::printf("\nThe least of each column is marked *%s.\n",
                std::any_of(policies.begin(), policies.end(), [](const simulate::policy* p) { return p->is_reference; })
                    ? "; belady, which knows the future, is for reference"
                    : "");
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return exit_code::failed;
  write(chosen.svg, chosen.svg.empty() ? "" : simulate::curve_picture(results));
  write(chosen.html, chosen.html.empty() ? "" : simulate::results_page(results));
  if (!for_programs) write(chosen.json, chosen.json.empty() ? "" : simulate::results_json(results));
  return exit_code::done;
}

constexpr std::string_view examples = R"(
Traces: plain text (a line is `key` or `key size`), CSV, or libCacheSim's oracleGeneral, each plain or packed by gzip or zstd.
Each request is a look-up in a larder::cache; what is missed is put. Under --by bytes a value weighs the size in the trace.

Examples:
  larder simulate requests.txt
  larder simulate requests.csv.gz --csv-key 2 --csv-size 3 --policies lru,s3_fifo,belady --sizes 1%,5%,10%,20%
  larder simulate cdn.oracleGeneral.zst --by bytes --sizes 64MiB,256MiB,1GiB,4GiB --svg curves.svg
  zcat access.log.gz | awk '{print $7}' | larder simulate - --html curves.html

Exit codes: 0 done; 1 a trace could not be read or a file not be written; 2 wrong use)";

}  // namespace

std::function<int()> add_simulate(CLI::App& larder) {
  auto chosen = std::make_shared<options>();
  CLI::App& app = *larder.add_subcommand(
      "simulate", "Miss ratios of every eviction policy on request traces, by cache size: a table and a picture");
  const auto column = CLI::Range(std::size_t{1}, std::size_t{10'000});
  app.add_option("TRACE", chosen->traces, "trace files; - is standard input")->required();
  app.add_option("-p,--policies", chosen->policies, "names with commas between them: " + names_of_policies() + "; or all")
      ->capture_default_str();
  app.add_option("-s,--sizes", chosen->sizes,
                 "cache sizes: shares of all keys (0.1%), entries (5000) or, with --by bytes, sizes (64MiB)")
      ->capture_default_str();
  app.add_option("--by", chosen->by, "what limits a cache (default: entries)")->option_text("entries|bytes");
  app.add_option("--format", chosen->format, "the traces' format (default: told from the content)")
      ->option_text("auto|text|csv|oracle");
  app.add_option("--csv-key", chosen->reading.csv.key, "the column of the key, from 1 (default: by the header, else the first)")
      ->check(column);
  app.add_option("--csv-size", chosen->reading.csv.size,
                 "the column of the size in bytes, from 1 (default: by the header, else none)")
      ->check(column);
  app.add_option("--csv-delimiter", chosen->delimiter,
                 "what separates columns: a character, or tab (default: told from the first line)");
  app.add_option("--limit-requests", chosen->reading.limit_requests, "read no more than so many requests of each trace")
      ->check(CLI::PositiveNumber);
  app.add_option("-j,--threads", chosen->threads, "how many caches run at once (default: one per core)")
      ->check(CLI::Range(1U, 1024U));
  app.add_option("--svg", chosen->svg, "write the curves to this picture");
  app.add_option("--html", chosen->html, "write the curves and the tables to this page");
  app.add_option("--json", chosen->json, "write all figures to this file; - prints them in the place of the tables");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(std::string(examples.substr(1)));
  return [chosen] {
    try {
      return run(*chosen);
    } catch (const std::exception& failure) {
      std::fprintf(stderr, "%s\n", failure.what());
      return exit_code::failed;
    }
  };
}

}  // namespace tools
