#include "turn.hpp"

#include "../child.hpp"
#include "../lap.hpp"
#include "footprint.hpp"

#include <malloc.h>

#include <algorithm>

namespace bench {
namespace {

void expect_none(std::size_t absent) {
  if (absent != 0) throw std::runtime_error(std::to_string(absent) + " values are missing");
}

/// As many passes as it takes to be longer than the clock is coarse: 25 looks at a mapping are over in 3 us.
double seconds_of_touch(open_store& store, const workload& w) {
  constexpr double long_enough = 0.02;
  constexpr std::size_t enough = 50'000;
  for (std::size_t passes = 1;; passes *= 4) {
    std::size_t absent = 0;
    const lap touched = time([&] { absent = store.touch_all(w, passes); });
    expect_none(absent);
    const std::size_t touches = passes * w.count();
    if (touched.cpu >= long_enough || touches >= enough) return touched.cpu / static_cast<double>(touches);
  }
}

site site_of(const workload& w, const std::filesystem::path& folder, bool flushed = false) {
  return {folder, w.count(), w.value_size(), flushed};
}

/// In a child: puts, and closes.
std::vector<double> fill(const candidate& who, const workload& w, const site& where) {
  auto store = who.open(where);
  const lap put = time([&] { store->put_all(w); });
  const lap closed = time([&] { store.reset(); });
  return {put.cpu, closed.wall};
}

/// In a child that does not live to close it.
std::vector<double> fill_and_die(const candidate& who, const workload& w, const site& where) {
  open_store* const store = who.open(where).release();
  store->put_all(w);
  return {};
}

std::vector<double> read(const candidate& who, const workload& w, const site& where) {
  ::malloc_trim(0);  // what is free here and used by the store would not count
  const std::uint64_t before = anonymous_bytes();
  std::unique_ptr<open_store> store;
  const lap opened = time([&] { store = who.open(where); });
  const double grown = static_cast<double>(anonymous_bytes()) - static_cast<double>(before);
  std::size_t absent = 0;
  const lap first = time([&] { absent = store->read_all(w); });
  expect_none(absent);
  const lap second = time([&] { absent = store->read_all(w); });
  expect_none(absent);
  const double touch = seconds_of_touch(*store, w);
  return {opened.wall, opened.cpu, grown, first.cpu, second.cpu, touch};
}

std::vector<double> open_again(const candidate& who, const workload& w, const site& where) {
  std::unique_ptr<open_store> store;
  const lap opened = time([&] { store = who.open(where); });
  return {opened.wall, static_cast<double>(store->read_all(w))};
}

}  // namespace

measurements take_turn(const candidate& who, const workload& w, const scratch_folder& scratch) {
  const double count = static_cast<double>(w.count());
  // First, since it is not timed, what is killed: in a virtual machine the first touch of free memory is work of the host, charged to
  // whoever comes first, and may cost five times the put. What this puts into the page cache and frees is what the next put takes.
  const site killed = site_of(w, scratch.fresh());
  in_child(ending::by_sigkill, [&] { return fill_and_die(who, w, killed); });
  const std::vector<double> again = in_child(ending::by_itself, [&] { return open_again(who, w, killed); });
  std::filesystem::remove_all(killed.folder);

  // Twice, and the cheaper one counts: what else the machine does only ever adds.
  const site discarded = site_of(w, scratch.fresh());
  const std::vector<double> earlier = in_child(ending::by_itself, [&] { return fill(who, w, discarded); });
  std::filesystem::remove_all(discarded.folder);
  const site clean = site_of(w, scratch.fresh());
  const std::vector<double> filled = in_child(ending::by_itself, [&] { return fill(who, w, clean); });
  const double taken = static_cast<double>(disk_bytes(clean.folder));
  const std::vector<double> got = in_child(ending::by_itself, [&] { return read(who, w, clean); });
  std::filesystem::remove_all(clean.folder);

  return {{"put", "us/op", std::min(earlier.at(0), filled.at(0)) * 1e6 / count},
          {"get1", "us/op", got.at(3) * 1e6 / count},
          {"get2", "us/op", got.at(4) * 1e6 / count},
          {"touch", "us/op", got.at(5) * 1e6},
          {"open wall", "ms", got.at(0) * 1e3},
          {"open", "ms", got.at(1) * 1e3},
          {"open per entry", "ns", got.at(1) * 1e9 / count},
          {"open after kill wall", "ms", again.at(0) * 1e3},
          {"lost by kill", "entries", again.at(1)},
          {"close wall", "ms", filled.at(1) * 1e3},
          {"disk amplification", "1", taken / static_cast<double>(w.payload())},
          {"RssAnon after open", "B/entry", got.at(2) / count}};
}

measurements take_flushed_turn(const candidate& who, const workload& w, const scratch_folder& scratch) {
  const double count = static_cast<double>(w.count());
  const site where = site_of(w, scratch.fresh(), true);
  const std::vector<double> times = in_child(ending::by_sigkill, [&] {
    open_store* const store = who.open(where).release();
    const lap put = time([&] { store->put_flushed(w); });
    return std::vector<double>{put.wall, put.cpu};
  });
  const std::vector<double> again = in_child(ending::by_itself, [&] { return open_again(who, w, where); });
  std::filesystem::remove_all(where.folder);
  return {{"put wall", "us/op", times.at(0) * 1e6 / count},
          {"put", "us/op", times.at(1) * 1e6 / count},
          {"lost by kill", "entries", again.at(1)}};
}

}  // namespace bench
