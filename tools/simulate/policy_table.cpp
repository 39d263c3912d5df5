#include "simulate/policy_table.hpp"

#include "simulate/belady.hpp"

#include <larder/core/error.hpp>
#include <larder/eviction/adaptive.hpp>
#include <larder/eviction/arc.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/cyclic.hpp>
#include <larder/eviction/epoch_pin.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/gdsf.hpp>
#include <larder/eviction/largest_first.hpp>
#include <larder/eviction/lfu.hpp>
#include <larder/eviction/lirs.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/eviction/sieve.hpp>
#include <larder/eviction/w_tinylfu.hpp>
#include <larder/format/nearest_name.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace simulate {
namespace {

// A new policy is a row here and a line in one of runs_*.cpp.
constexpr std::array table{
    policy{"adaptive", run_cache<larder::adaptive>, {colours::vermilion, lines::dashed}},
    policy{"lru", run_cache<larder::lru>, {colours::blue, lines::solid}},
    policy{"fifo", run_cache<larder::fifo>, {colours::blue, lines::dashed}},
    policy{"clock", run_cache<larder::clock>, {colours::sky, lines::dashed}},
    policy{"sieve", run_cache<larder::sieve>, {colours::sky, lines::solid}},
    policy{"s3_fifo", run_cache<larder::s3_fifo>, {colours::vermilion, lines::solid}},
    policy{"w_tinylfu", run_cache<larder::w_tinylfu>, {colours::green, lines::solid}},
    policy{"lfu", run_cache<larder::lfu>, {colours::green, lines::dashed}},
    policy{"arc", run_cache<larder::arc>, {colours::orange, lines::solid}},
    policy{"lirs", run_cache<larder::lirs>, {colours::wine, lines::solid}},
    policy{"gdsf", run_cache<larder::gdsf>, {colours::pink, lines::solid}},
    policy{"largest_first", run_cache<larder::largest_first>, {colours::pink, lines::dashed}},
    policy{"cyclic", run_cache<larder::cyclic>, {colours::wine, lines::dashed}},
    policy{"epoch_pin", run_cache<larder::epoch_pin>, {colours::orange, lines::dashed}},
    policy{"belady", run_belady, {colours::grey, lines::solid}, true},
};

}  // namespace

std::span<const policy> all_policies() { return table; }

std::vector<const policy*> policies_named(std::string_view list) {
  std::array<std::string_view, table.size()> names;
  std::transform(table.begin(), table.end(), names.begin(), [](const policy& p) { return p.name; });
  std::array<bool, table.size()> wanted{};
  for (bool more = true; more;) {
    const std::size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) list.remove_prefix(comma + 1);
    const auto at = std::find(names.begin(), names.end(), name);
    if (name == "all") {
      wanted.fill(true);
    } else if (at != names.end()) {
      wanted[static_cast<std::size_t>(at - names.begin())] = true;
    } else {
      std::string known;
      for (const std::string_view other : names) known += (known.empty() ? "" : ", ") + std::string(other);
      const std::string nearest(larder::format::nearest_name(name, names));
      throw larder::error(larder::error_cause::invalid_argument,
                          "there is no policy \"" + std::string(name) + "\"; " +
                              (nearest.empty() ? "there are: " : "did you mean " + nearest + "? There are: ") + known + ", and all");
    }
  }
  std::vector<const policy*> chosen;
  for (std::size_t i = 0; i < table.size(); ++i)
    if (wanted[i]) chosen.push_back(&table[i]);
  return chosen;
}

}  // namespace simulate
