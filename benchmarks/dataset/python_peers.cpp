#include "python_peers.hpp"

#include "../python_program.hpp"

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <stdexcept>

namespace bench {
namespace {

const std::string script = std::string(LARDER_BENCH_DATASET_DIR) + "/peers/read_samples.py";

struct known_peer {
  python_peer peer;
  const char* module;
};

}  // namespace

void python_peer::prepare(const site& s) const {
  output_of({python, script, way, "prepare", s.samples.path.string(), s.of(name).string()});
}

std::vector<double> python_peer::epoch(const site& s, const larder_way& how) const {
  std::istringstream answer(output_of({python, script, way, how.copied ? "copy" : "view", s.samples.path.string(),
                                       s.of(name).string(), how.shuffled ? (s.folder / "order").string() : ""}));
  double wall = 0;
  double cpu = 0;
  std::size_t count = 0;
  std::uint64_t mark = 0;
  answer >> wall >> cpu >> count >> mark;
  if (!answer || count != s.samples.count || mark != s.samples.mark)
    throw std::runtime_error("it did not use every sample of the file once");
  return {wall, cpu};
}

std::vector<python_peer> python_peers(const options& wanted) {
  std::vector<python_peer> all;
  for (const known_peer& one : {known_peer{{"numpy_memmap", wanted.python, "numpy", true, true}, "numpy"},
                                {{"webdataset", wanted.python, "webdataset", false, true}, "webdataset"},
                                {{"hugging_face", wanted.python, "datasets", false, true}, "datasets"},
                                {{"mosaicml_streaming", wanted.python, "streaming", false, true}, "streaming"}}) {
    if (wanted.wants(one.peer.name) && has_module(wanted.python, one.module)) all.push_back(one.peer);
  }
  return all;
}

}  // namespace bench
