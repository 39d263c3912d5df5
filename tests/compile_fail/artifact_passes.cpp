// What runs a pass, and what passes share, fit or are refused in a sentence.
#include <larder/artifact/pass_cache.hpp>

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace {

using path = std::filesystem::path;

[[maybe_unused]] void allowed(larder::pass_cache& passes, const std::vector<larder::pass>& chain) {
  passes.run("model", chain, [](const larder::pass&, const path&, const path&, std::stop_token) {});
  passes.run("model", chain, [](const larder::pass&, const path&, const path&) { return true; });
}

// expect 1: larder: run_one_pass is called with (const pass&, const std::filesystem::path& input, const std::filesystem::path& output, std::stop_token)
#if LARDER_COMPILE_FAIL == 1
void without_output(larder::pass_cache& passes, const std::vector<larder::pass>& chain) {
  passes.run("model", chain, [](const larder::pass&, const path&) {});
}
#endif

// expect 2: larder: what passes share is a cache from std::string to larder::bytes
#if LARDER_COMPILE_FAIL == 2
void of_numbers() {
  auto numbers = larder::make_cache<std::string, int>(larder::unbounded{});
  larder::pass_cache passes({}, numbers);
}
#endif

}  // namespace
