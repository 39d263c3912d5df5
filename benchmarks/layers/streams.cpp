#include "catalogue.hpp"

#include "../page_cache.hpp"
#include "digests.hpp"
#include "floors.hpp"
#include "python_peers.hpp"
#include "subjects.hpp"

#include <larder/core/verify.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/prefaulted.hpp>
#include <larder/layer/verify_tensors.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench {
namespace {

const std::vector<metric> metrics{
    {"rate", "MiB/s", 0}, {"wall", "s", 2, false}, {"cpu", "s", 2}, {"peak memory", "MiB", 0, false}};

/// One way to go once through the model: what is in memory before, and how much of it stays.
struct setting {
  std::string name;
  bool cold;
  bool kept;  ///< every layer stays in memory
};

void prepare(const std::filesystem::path& path, bool cold) {
  if (!cold)
    make_warm(path);
  else if (!make_cold(path))
    throw std::runtime_error("the model does not leave the page cache: its figures would not be those of the disk");
}

/// In a child: checks each layer, which touches every page of it. The work ends when what was kept is gone again.
std::vector<double> turn(const model& m, const std::function<void(const use_layer&)>& read) {
  std::size_t seen = 0;
  const cost c = cost_of([&] {
    read([&](std::size_t index, std::span<const std::byte> layer) {
      check_layer(m, index, layer);
      ++seen;
    });
  });
  if (seen != m.layers.size()) throw std::runtime_error("it did not see every layer");
  return {static_cast<double>(m.total()) / mebi / c.wall, c.wall, c.cpu, (c.peak_bytes - c.before) / mebi};
}

contender plain(const model& m, bool cold, plain_reader reader) {
  const std::string name = reader.name;
  return {name, [&m, reader = std::move(reader)] { return turn(m, [&](const use_layer& use) { reader.read(m, use); }); },
          [&m, cold] { prepare(m.path, cold); }};
}

template <class Make>
contender cached(const model& m, const setting& s, const char* name, Make make) {
  const std::uint64_t budget = s.kept ? m.total() : stream_budget(m);
  return {name,
          [&m, make, budget] {
            return turn(m, [&](const use_layer& use) {
              make(m, budget, [&](auto& layers) {
                for (const larder::layer& layer : layers.pass()) use(layer.index(), layer.data().span());
              });
            });
          },
          [&m, cold = s.cold] { prepare(m.path, cold); }};
}

contender python(const model& m, const setting& s, const python_peer& peer) {
  return {peer.name,
          [&m, peer] {
            const python_answer a = peer.read(m);
            return std::vector<double>{static_cast<double>(m.total()) / mebi / a.wall, a.wall, a.cpu, a.grown / mebi};
          },
          [peer, cold = s.cold] { prepare(peer.file, cold); }};
}

contest stream(const model& m, const options& wanted, const setting& s) {
  contest all{s.name, metrics, {}};
  const auto add = [&](contender c) {
    if (all.contenders.empty() || wanted.wants(c.name)) all.contenders.push_back(std::move(c));
  };
  add(plain(m, s.cold, s.cold ? direct_reader(s.kept) : buffered_reader(s.kept)));
  for_each_subject([&](const char* name, auto make) { add(cached(m, s, name, make)); });
  if (s.cold) {
    add(cached(m, s, "larder_prefaulted", [](const model& of, std::uint64_t budget, auto&& use) {
      larder::layer_cache layers{larder::safetensors{of.path}, larder::max_bytes{budget}, larder::prefaulted{}};
      use(layers);
    }));
    add(plain(m, s.cold, buffered_reader(s.kept)));
  }
  add(plain(m, s.cold, mapping_reader(false)));
  if (s.cold) add(plain(m, s.cold, mapping_reader(true)));
  for (const python_peer& peer : python_peers(m, wanted, s.kept)) add(python(m, s, peer));
  return all;
}

/// The second contender compares each tensor with its digest; the first one does not look for digests.
contest verified(const model& m) {
  const auto beside = std::make_shared<const model>(with_digests(m));
  contest all{"verified_stream", metrics, {}};
  for_each_subject([&](const char* name, auto make) {
    if (std::string(name) != "larder") return;
    for (const bool checks : {false, true}) {
      const auto with = [beside, make, checks](const model& of, std::uint64_t budget, auto&& use) {
        static_cast<void>(of);
        make(*beside, budget, use, larder::verify_tensors{checks ? larder::verify::first_read : larder::verify::never});
      };
      all.contenders.push_back(cached(m, {all.name, true, false}, checks ? "verified" : "not verified", with));
    }
  });
  return all;
}

}  // namespace

std::vector<contest> streams(const model& m, const options& wanted) {
  std::vector<contest> all;
  for (const setting& s :
       {setting{"cold_stream", true, false}, {"cold_all", true, true}, {"warm_stream", false, false}, {"warm_all", false, true}})
    if (wanted.wants_case(s.name)) all.push_back(stream(m, wanted, s));
  if (wanted.wants_case("verified_stream")) all.push_back(verified(m));
  return all;
}

}  // namespace bench
