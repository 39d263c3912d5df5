#include "python_peers.hpp"

#include "../python_program.hpp"

#include <initializer_list>
#include <sstream>
#include <stdexcept>

namespace bench {
namespace {

const std::string script = std::string(LARDER_BENCH_LAYERS_DIR) + "/peers/read_model.py";

}  // namespace

python_answer python_peer::read(const model& m) const {
  std::istringstream answer(output_of({python, script, way, file.string()}));
  python_answer a{};
  std::uint64_t mark = 0;
  answer >> a.wall >> a.cpu >> a.grown >> mark;
  std::uint64_t expected = 0;
  for (const std::uint64_t of_layer : m.marks) expected ^= of_layer;
  if (!answer || mark != expected) throw std::runtime_error(name + " read something else than is in the file");
  return a;
}

bool wants_torch(const options& wanted) {
  return (wanted.wants("torch_load") || wanted.wants("torch_load_mmap")) && has_module(wanted.python, "numpy") &&
         has_module(wanted.python, "torch");
}

std::vector<python_peer> python_peers(const model& m, const options& wanted, bool kept) {
  std::vector<python_peer> all;
  const auto add = [&](const std::string& name, const std::string& way, std::initializer_list<const char*> modules) {
    if (!wanted.wants(name)) return;
    for (const char* const module : modules)
      if (!has_module(wanted.python, module)) return;
    all.push_back({name, wanted.python, way, m.path});
  };
  if (kept) {
    add("safetensors_py", "safetensors_all", {"numpy", "safetensors"});
  } else {
    add("safetensors_py", "safetensors", {"numpy", "safetensors"});
    add("numpy_memmap", "memmap", {"numpy"});
  }
  if (wants_torch(wanted)) {
    const std::filesystem::path own = m.path.parent_path() / "model.pt";
    if (!std::filesystem::exists(own)) output_of({wanted.python, script, "torch_save", m.path.string(), own.string()});
    for (const char* const name : {"torch_load", "torch_load_mmap"})
      if (wanted.wants(name)) all.push_back({name, wanted.python, name, own});
  }
  return all;
}

}  // namespace bench
