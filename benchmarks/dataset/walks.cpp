#include "catalogue.hpp"

#include "../child.hpp"
#include "../lap.hpp"
#include "python_peers.hpp"

#include <filesystem>
#include <utility>

namespace bench {
namespace {

constexpr int epochs_before = 2;   // of which larder's first fills its tables
constexpr int epochs_counted = 5;  // a turn is their median: one of them takes some hundredths of a second

const std::vector<metric> metrics{{"rate", "k samples/s", 1}, {"cpu", "ns per sample", 0}};
const std::vector<metric> metrics_of_first{{"rate", "k samples/s", 1}, {"cpu", "ns per sample", 0}, {"open", "ms", 2, false}};

/// A way to go through epochs, in a case that is called so.
struct setting {
  const char* name;
  larder_way way;
};
constexpr setting settings[] = {
    {"view", {false, false}}, {"view_shuffled", {true, false}}, {"copy", {false, true}}, {"copy_shuffled", {true, true}}};

std::vector<double> numbers(const site& s, double wall, double cpu) {
  const auto count = static_cast<double>(s.samples.count);
  return {count / wall / 1e3, cpu * 1e9 / count};
}

/// In a child: some epochs behind those that warm up.
std::vector<double> warm_turn(const site& s, const larder_way& way, const subject& who) {
  const epoch_walk walk = who.open(s, way);
  std::vector<double> walls;
  std::vector<double> cpus;
  for (int epoch = 0; epoch < epochs_before + epochs_counted; ++epoch) {
    epoch_marks marks;
    const lap taken = time([&] { marks = walk(); });
    marks.check(s.samples);
    if (epoch < epochs_before) continue;
    walls.push_back(taken.wall);
    cpus.push_back(taken.cpu);
  }
  return numbers(s, median(walls), median(cpus));
}

/// In a child: the first epoch, of which nothing but the page cache knows anything.
std::vector<double> first_turn(const site& s, const subject& who) {
  epoch_walk walk;
  const lap opening = time([&] { walk = who.open(s, {}); });
  epoch_marks marks;
  const lap taken = time([&] { marks = walk(); });
  marks.check(s.samples);
  std::vector<double> all = numbers(s, taken.wall, taken.cpu);
  all.push_back(opening.wall * 1e3);
  return all;
}

std::vector<subject> subjects(const options& wanted) {
  std::vector<subject> all{mapping()};
  const auto add = [&](subject who) {
    if (wanted.wants(who.name)) all.push_back(std::move(who));
  };
  add(larder_itself());
  for (subject& who : lmdb()) add(std::move(who));
  return all;
}

contest warm(const site& s, const setting& how, const options& wanted) {
  contest all{how.name, metrics, {}};
  for (const subject& who : subjects(wanted))
    all.contenders.push_back({who.name, [&s, way = how.way, who] { return warm_turn(s, way, who); }});
  for (const python_peer& peer : python_peers(wanted))
    if (how.way.copied ? peer.copies : peer.views)
      all.contenders.push_back({peer.name, [&s, way = how.way, peer] {
                                  const std::vector<double> answer = peer.epoch(s, way);
                                  return numbers(s, answer.at(0), answer.at(1));
                                }});
  return all;
}

}  // namespace

bool wants_caches(const options& wanted) {
  for (const char* const name : {"view", "view_shuffled", "copy", "copy_shuffled", "first_looks", "resume"})
    if (wanted.wants_case(name)) return true;
  return false;
}

void prepare_caches(const site& s, const options& wanted) {
  std::vector<subject> all = subjects(wanted);
  if (!wanted.wants("larder")) all.push_back(larder_itself());  // `resume` has nobody else
  for (const subject& who : all) {
    if (!who.prepare) continue;
    std::filesystem::create_directory(s.of(who.name));
    in_child(ending::by_itself, [&] {
      who.prepare(s);
      return std::vector<double>{};
    });
  }
  for (const python_peer& peer : python_peers(wanted)) peer.prepare(s);
}

std::vector<contest> walks(const site& s, const options& wanted) {
  std::vector<contest> all;
  for (const setting& how : settings)
    if (wanted.wants_case(how.name)) all.push_back(warm(s, how, wanted));
  if (!wanted.wants_case("first_looks")) return all;
  contest first{"first_looks", metrics_of_first, {}};
  for (const subject& who : subjects(wanted)) first.contenders.push_back({who.name, [&s, who] { return first_turn(s, who); }});
  all.push_back(std::move(first));
  return all;
}

}  // namespace bench
