#include "top_command.hpp"

#include "disk/interruption.hpp"
#include "subcommand.hpp"
#include "top/directory_view.hpp"
#include "top/page_request.hpp"
#include "top/page_view.hpp"
#include "top/view.hpp"

#include <larder/core/error.hpp>
#include <larder/remote/secret.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include <poll.h>
#include <unistd.h>

namespace tools {
namespace {

struct given {
  std::string place;
  std::string token_file;
  double interval = 2;
  unsigned long looks = 0;
  bool once = false;
  bool json = false;
  std::optional<top::page_address> at;
};

larder::secret token_from(const std::string& file) {
  if (file.empty()) {
    const char* const told = std::getenv("LARDER_SERVE_TOKEN");
    return told == nullptr ? larder::secret() : larder::secret(told);
  }
  std::ifstream in(file);
  std::string text;
  std::getline(in, text);
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (text.empty()) refuse("--token-file: \"" + file + "\" cannot be read, or holds no token");
  return text;
}

/// Waits so long, or until somebody asks for the end; false then. A signal ends the wait.
bool wait(double seconds, const disk::interruption& interrupted) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (;;) {
    const double left = std::chrono::duration<double>(until - std::chrono::steady_clock::now()).count();
    if (interrupted.asked()) return false;
    if (left <= 0) return true;
    ::poll(nullptr, 0, static_cast<int>(std::ceil(1000 * std::min(left, 60.0))));
  }
}

int show(const given& chosen, top::view& seen) {
  const bool draws = !chosen.json && !chosen.once && ::isatty(::fileno(stdout)) == 1;
  const disk::interruption interrupted;
  const unsigned long looks = chosen.once ? 1 : chosen.looks;
  for (unsigned long n = 1;; ++n) {
    const std::string text = chosen.json ? seen.json() + "\n" : seen.text(std::chrono::steady_clock::now());
    if (draws) {  // over what was there, line by line, so that nothing flickers
      std::string lines = "\033[H";
      for (const char c : text) lines += c == '\n' ? std::string("\033[K\n") : std::string(1, c);
      std::fputs((n == 1 ? "\033[H\033[J" + lines : lines).c_str(), stdout);
      std::fputs("\033[J", stdout);
    } else {
      if (n != 1 && !chosen.json) std::fputc('\n', stdout);
      std::fputs(text.c_str(), stdout);
    }
    if (std::fflush(stdout) != 0) return exit_code::failed;
    if (n == looks || !wait(chosen.interval, interrupted)) return exit_code::done;
  }
}

}  // namespace

std::function<int()> add_top(CLI::App& larder) {
  auto chosen = std::make_shared<given>();
  CLI::App& app =
      *larder.add_subcommand("top", "What a directory of mmap_disk, or a server's caches, are doing, again and again");
  app.add_option("PLACE", chosen->place,
                 "the directory that was given to mmap_disk, or http://HOST:PORT of a metrics_server or `larder serve`")
      ->required();
  app.add_option("--interval", chosen->interval, "seconds between two looks")->capture_default_str();
  app.add_option("-n,--count", chosen->looks, "no more than so many looks")->check(CLI::PositiveNumber);
  app.add_flag("--once", chosen->once, "one look");
  app.add_flag("--json", chosen->json, "an object a line for each look");
  app.add_option("--token-file", chosen->token_file, "a file that holds what the server asks for (or LARDER_SERVE_TOKEN)");
  app.footer(
      R"(On a terminal the table is drawn over; elsewhere each look is plain text. Ctrl-C ends it. NOW% and the figures per second are of the time between
two looks. A look at a directory reads the heads of all its entries, writes nothing and waits for nobody; what programs hold pinned is known to them alone.

Examples:
  larder top .cache/weights
  larder top http://127.0.0.1:9464 --interval 1
  larder top http://127.0.0.1:9464 --json --count 60 >minute.jsonl

Exit codes: 0 done, or ended by Ctrl-C; 1 it could not be read; 2 wrong use)");
  return one_of({{&app,
                  [chosen] {
                    if (!(chosen->interval >= 0.05 && chosen->interval <= 86400))
                      refuse("--interval: give 0.05 to 86400 seconds");
                    if (chosen->place.find("://") != std::string::npos) chosen->at = top::parse_page_address(chosen->place);
                    if (!chosen->token_file.empty() && !chosen->at) refuse("--token-file: a directory asks for no token");
                  },
                  [chosen] {
                    const std::unique_ptr<top::view> seen = chosen->at
                                                                ? top::view_of_page(*chosen->at, token_from(chosen->token_file))
                                                                : top::view_of_directory(chosen->place);
                    return show(*chosen, *seen);
                  }}},
                "; it needs the right to read the directory and its files");
}

}  // namespace tools
