#include "pass/chain_explanation.hpp"

#include "disk/json_object.hpp"
#include "exit_code.hpp"
#include "pass/cache_folder.hpp"
#include "simulate/escaped_text.hpp"

#include <larder/artifact/atomic_file.hpp>
#include <larder/artifact/settings_object.hpp>
#include <larder/core/error.hpp>
#include <larder/core/units.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

namespace passes {
namespace {

std::vector<larder::pass> read_chain(const std::string& path) {
  constexpr std::array<std::string_view, 5> keys{"name", "config", "accelerator", "accelerator_agnostic", "evaluator"};
  const std::optional<std::string> text = larder::artifacts::read_small_file(path);
  if (!text) larder::core::fail(larder::error_cause::io, "there is no file \"" + path + "\"");
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array list;
  if (parser.parse(*text).get(root) != simdjson::SUCCESS || root.get(list) != simdjson::SUCCESS)
    larder::core::fail(larder::error_cause::invalid_argument,
                       "\"" + path + R"(" is no JSON list of passes; write [{"name": "OnnxConversion", "config": {}}])");
  std::vector<larder::pass> chain;
  for (const simdjson::dom::element element : list) {
    const std::string where = "pass " + std::to_string(chain.size());
    simdjson::dom::object object;
    if (element.get(object) != simdjson::SUCCESS)
      larder::core::fail(larder::error_cause::invalid_argument, where + " is no object");
    const larder::artifacts::settings_object read(object, where, keys);
    larder::pass one;
    one.name = read.text("name").value_or("");
    if (read.has("config")) one.config = simdjson::minify(object["config"].value());
    one.accelerator = read.text("accelerator");
    one.accelerator_agnostic = read.flag("accelerator_agnostic").value_or(false);
    if (read.has("evaluator") && !read.is_null("evaluator")) one.evaluator = simdjson::minify(object["evaluator"].value());
    chain.push_back(std::move(one));
  }
  return chain;
}

const char* text_of(larder::step_evaluation evaluation) {
  return evaluation == larder::step_evaluation::none ? "none" : evaluation == larder::step_evaluation::reuse ? "reuse" : "run";
}

}  // namespace

int explain_chain(const explain_options& options) {
  const std::vector<larder::pass> chain = read_chain(options.chain);
  const auto cache = open_cache(options.folder, options.shared);
  const std::vector<larder::step> steps = cache->plan(options.input, chain);
  bool fails = false;
  std::uint64_t bytes = 0;
  if (options.json) std::fputs("[", stdout);
  for (const larder::step& one : steps) {
    bytes += one.bytes;
    fails = fails || one.failure;
    std::string why;
    if (one.failure)
      why = one.failure->message;
    else if (one.action == larder::step_action::run)
      why = cache->explain(options.input, chain, one.index);
    if (options.json) {
      disk::json_object out;
      out.add("pass", one.pass_name)
          .add("id", one.id)
          .add("action", larder::to_string(one.action))
          .add("bytes", one.bytes)
          .add("size", one.size)
          .add("evaluation", text_of(one.evaluation))
          .add("fails", one.failure.has_value());
      if (!why.empty()) out.add("why", why);
      std::printf("%s%s", one.index == 0 ? "\n" : ",\n", out.text().c_str());
      continue;
    }
    std::printf("%-8s  %-28s  %-8s  %10s%s\n", larder::artifacts::short_id(one.id).c_str(),
                simulate::printable(one.pass_name).c_str(),
                one.failure ? "fails" : std::string(larder::to_string(one.action)).c_str(),
                one.action == larder::step_action::download ? larder::format_size(one.bytes).c_str() : "-",
                one.evaluation == larder::step_evaluation::run ? "  evaluates" : "");
    if (!why.empty()) std::printf("          %s\n", simulate::printable(why).c_str());
  }
  if (options.json)
    std::fputs(steps.empty() ? "]\n" : "\n]\n", stdout);
  else
    std::printf("%s to download\n", larder::format_size(bytes).c_str());
  return fails ? tools::exit_code::failed : tools::exit_code::done;
}

}  // namespace passes
