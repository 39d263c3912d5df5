#include "catalogue.hpp"

#include "../lap.hpp"

#include <fcntl.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>

namespace bench {
namespace {

/// `work(folder)` with a new folder, which goes again.
template <class Work>
std::vector<double> in_fresh_folder(const scratch_folder& scratch, Work&& work) {
  const std::filesystem::path folder = scratch.fresh();
  std::vector<double> all = work(folder);
  std::filesystem::remove_all(folder);
  return all;
}

/// Three epochs with room for half of the samples: what the second and the third found.
std::vector<double> half_turn(const sample_file& samples, const std::filesystem::path& folder, bool shuffled,
                              std::size_t workers) {
  larder_samples all(samples, folder, samples.size() / 2);
  larder::stream_options options = stream_options_of({shuffled, false});
  options.workers = workers;
  std::vector<double> ratios;
  for (options.epoch = 0; options.epoch < 3; ++options.epoch) ratios.push_back(all.epoch(options).hit_ratio());
  return {ratios.at(1), ratios.at(2), static_cast<double>(all.cache().weight()) / static_cast<double>(all.cache().capacity())};
}

contest half(const std::shared_ptr<const sample_file>& samples, const scratch_folder& scratch) {
  contest all{
      "half", {{"epoch 2", "hit ratio", 6, false}, {"epoch 3", "hit ratio", 6, false}, {"filled", "of capacity", 6, false}}, {}};
  const auto add = [&](const char* name, bool shuffled, std::size_t workers) {
    all.contenders.push_back({name, [=, &scratch] {
                                return in_fresh_folder(
                                    scratch, [&](const auto& folder) { return half_turn(*samples, folder, shuffled, workers); });
                              }});
  };
  add("larder, in order", false, 1);
  add("larder, shuffled", true, 1);
  add("larder, shuffled, 3 workers", true, 3);
  return all;
}

/// How long it takes to go on in the middle of an epoch: in a cache that was used before in this process, or is only just open.
std::vector<double> resume_turn(const site& s, bool shuffled, bool used_before) {
  larder::stream_options options = stream_options_of({shuffled, false});
  {
    larder_samples before(s.samples, s.of("larder"));
    auto stream = before.stream(options);
    auto at = stream.begin();
    for (std::size_t batch = 0; batch < s.samples.count / batch_size / 2; ++batch) ++at;
    options.from = stream.position();
  }
  larder_samples samples(s.samples, s.of("larder"));
  if (used_before) {
    larder::stream_options whole = options;
    whole.from.reset();
    samples.epoch(whole);
  }
  std::vector<double> constructed;
  std::vector<double> first;
  for (int time = 0; time < (used_before ? 21 : 1); ++time) {
    const double begun = seconds_of(CLOCK_MONOTONIC);
    auto stream = samples.stream(options);
    constructed.push_back(seconds_of(CLOCK_MONOTONIC) - begun);
    epoch_marks marks;
    for (const larder::bytes& sample : *stream.begin()) marks.add(sample.span());
    first.push_back(seconds_of(CLOCK_MONOTONIC) - begun);
    if (marks.mark() == 0) throw std::runtime_error("the first batch has no samples");
  }
  return {median(constructed) * 1e6, median(first) * 1e6};
}

contest resume(const site& s) {
  contest all{"resume", {{"stream made", "us", 1, false}, {"first batch used", "us", 1, false}}, {}};
  for (const bool used_before : {true, false})
    for (const bool shuffled : {false, true})
      all.contenders.push_back(
          {std::string("larder, ") + (shuffled ? "shuffled" : "in order") + (used_before ? "" : ", only just open"),
           [&s, shuffled, used_before] { return resume_turn(s, shuffled, used_before); }});
  return all;
}

std::vector<double> fill_turn(const sample_file& samples, const std::function<void()>& fill) {
  const lap taken = time(fill);
  return {static_cast<double>(samples.count) / taken.wall / 1e3, taken.cpu * 1e6 / static_cast<double>(samples.count)};
}

contest fill(const std::shared_ptr<const sample_file>& samples, const scratch_folder& scratch, const options& wanted) {
  contest all{"fill", {{"rate", "k samples/s", 1}, {"cpu", "us per sample", 2}}, {}};
  all.contenders.push_back({"pwrite", [samples, &scratch] {
                              return in_fresh_folder(scratch, [&](const std::filesystem::path& folder) {
                                return fill_turn(*samples, [&] {
                                  const mapped_file from(samples->path);
                                  open_file to(folder / "samples", O_RDWR | O_CREAT);
                                  for (std::size_t i = 0; i < samples->count; ++i)
                                    to.write_all(from.bytes().data() + i * sample_size, sample_size,
                                                 std::uint64_t{i} * sample_size);
                                });
                              });
                            }});
  const auto add = [&](const char* name, bool shuffled, std::optional<std::size_t> workers) {
    if (!wanted.wants("larder")) return;
    all.contenders.push_back({name, [=, &scratch] {
                                return in_fresh_folder(scratch, [&](const std::filesystem::path& folder) {
                                  return fill_turn(*samples, [&] {
                                    larder::stream_options options = stream_options_of({shuffled, false});
                                    options.workers = workers;
                                    larder_samples(*samples, folder).epoch(options);
                                  });
                                });
                              }});
  };
  add("larder", false, std::nullopt);
  add("larder, shuffled", true, std::nullopt);
  add("larder, no workers", false, 0);
  for (const subject& peer : lmdb())
    if (wanted.wants(peer.name))
      all.contenders.push_back({peer.name, [samples, &scratch, peer] {
                                  return in_fresh_folder(scratch, [&](const std::filesystem::path& folder) {
                                    std::filesystem::create_directory(folder / peer.name);
                                    return fill_turn(*samples, [&] { peer.prepare({*samples, {}, folder}); });
                                  });
                                }});
  return all;
}

}  // namespace

std::vector<contest> epochs(const site& s, const scratch_folder& scratch, const options& wanted) {
  // A quarter of the samples: who fills writes all that it takes to the disk, every time.
  const auto quarter = std::make_shared<const sample_file>(first_of(s.samples, s.samples.count / 4));
  std::vector<contest> all;
  if (wanted.wants_case("half")) all.push_back(half(quarter, scratch));
  if (wanted.wants_case("resume")) all.push_back(resume(s));
  if (wanted.wants_case("fill")) all.push_back(fill(quarter, scratch, wanted));
  return all;
}

}  // namespace bench
