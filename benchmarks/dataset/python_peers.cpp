#include "python_peers.hpp"

#include "../python_program.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace bench {
namespace {

const std::string script = std::string(LARDER_BENCH_DATASET_DIR) + "/peers/read_samples.py";

struct known_peer {
  python_peer peer;
  const char* module;
};

/// The numbers of a JSON list of numbers.
std::vector<double> numbers_of(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '[' || c == ']' || c == ','; }, ' ');
  std::istringstream in(text);
  std::vector<double> numbers;
  for (double number = 0; in >> number;) numbers.push_back(number);
  return numbers;
}

}  // namespace

void python_peer::prepare(const site& s) const {
  output_of({python, script, way, "prepare", s.samples.path.string(), s.of(name).string()});
}

std::vector<double> python_peer::epoch(const site& s, const larder_way& how) const {
  const std::vector<double> answer =
      numbers_of(output_of({python, script, way, how.copied ? "copy" : "view", s.samples.path.string(), s.of(name).string(),
                            how.shuffled ? (s.folder / "order").string() : ""}));
  if (answer.size() != 4 || answer[2] != static_cast<double>(s.samples.count) || answer[3] != static_cast<double>(s.samples.mark))
    throw std::runtime_error("it did not use every sample of the file once");
  return {answer[0], answer[1]};
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
