#pragma once

#include "model.hpp"

#include <larder/layer/layer_cache.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/limit/max_bytes.hpp>

#include <cstdint>
#include <utility>

namespace bench {

/// f(name, make) for each way in which larder takes part in the cases that read the file: a line here is a subject in all.
/// `make(m, budget, f, more...)` calls f with a cache over the model, as users make it, with these policies besides.
template <class F>
void for_each_subject(F&& f) {
  const auto subject = [&](const char* name, auto... policies) {
    f(name, [=](const model& m, std::uint64_t budget, auto&& use, auto... more) {
      larder::layer_cache layers{larder::safetensors{m.path}, larder::max_bytes{budget}, policies..., more...};
      use(layers);
    });
  };
  subject("larder");
  subject("larder_buffered", larder::read_path{larder::read_path::buffered});
  subject("larder_direct", larder::read_path{larder::read_path::direct});
  subject("larder_mapped", larder::read_path{larder::read_path::mapped});
}

}  // namespace bench
