#include "serve_command.hpp"

#include "disk/json_object.hpp"
#include "serve/redis_tier.hpp"
#include "simulate/number_text.hpp"
#include "subcommand.hpp"

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/serve/weight_server.hpp>

#include <CLI/CLI.hpp>

#include <signal.h>
#include <sys/resource.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tools {
namespace {

struct options {
  larder::weight_server_settings settings{.port = 8080};
  std::string cache_size = "200MB";
  std::string token_file;
  std::string redis;
  bool json = false;
};

std::string_view said_in(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

/// A secret never stands on the command line, where every user of the machine could read it.
larder::secret token_from(const std::string& file) {
  if (file.empty()) return larder::secret(said_in("LARDER_SERVE_TOKEN"));
  std::ifstream in(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (!in || text.empty()) refuse("--token-file: \"" + file + "\" cannot be read, or holds no token");
  return larder::secret(text);
}

void read(options& given) {
  constexpr std::uint64_t megabyte = 1'000'000;
  given.settings.cache_size = larder::parse_size(given.cache_size, megabyte, "--cache-size");
  given.settings.token = token_from(given.token_file);
  if (!given.redis.empty())
    given.settings.tier = serve::redis_tier(given.redis, larder::secret(said_in("LARDER_REDIS_PASSWORD")));
  given.settings.error_listener = [](const larder::error_event& event) { std::fprintf(stderr, "%s\n", event.message.c_str()); };
  given.settings.check();
}

/// As many connections as the system's administrator allows.
void raise_limit_of_files() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

/// What the library says of its settings, with the names of the options that set them.
std::string as_said_here(std::string text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> names{
      {{"chunks_dir", "--chunks-dir"},
       {"max_connections", "--connections"},
       {"weight_server: workers", "weight_server: --workers"},
       {"weight_server: port is", "weight_server: --port is"},
       {"set a token", "give --token-file or LARDER_SERVE_TOKEN"}}};
  for (const auto& [setting, option] : names)
    if (const std::size_t at = text.find(setting); at != std::string::npos) text.replace(at, setting.size(), option);
  return text;
}

int serve_until_stopped(const options& given) {
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGINT);
  ::sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // from here on they wait for sigwait
  raise_limit_of_files();
  larder::weight_server server(given.settings);
  server.start();
  if (given.json)
    std::printf("%s\n", disk::json_object()
                            .add("chunks_dir", given.settings.chunks_dir)
                            .add("url", server.url() + "/")
                            .add("cache_size", given.settings.cache_size)
                            .text()
                            .c_str());
  else
    std::printf("larder: serving %s at %s/ with %s of memory; Ctrl-C stops\n", given.settings.chunks_dir.c_str(),
                server.url().c_str(), larder::format_size(given.settings.cache_size).c_str());
  std::fflush(stdout);
  int which = 0;
  ::sigwait(&ends, &which);
  ::pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);  // a second one ends it at once
  std::fprintf(stderr, "larder: stopping; answers that have begun may end\n");
  server.stop();
  const larder::weight_server_stats stats = server.stats();
  if (given.json)
    std::printf("%s\n", disk::json_object()
                            .add("requests", stats.requests)
                            .member("hit_rate", simulate::decimal(stats.hit_rate(), 4))
                            .add("bytes_sent", stats.bytes_sent)
                            .text()
                            .c_str());
  else
    std::printf("larder: %llu requests, %.1f %% hits, %.1f MB sent\n", static_cast<unsigned long long>(stats.requests),
                100 * stats.hit_rate(), static_cast<double>(stats.bytes_sent) / 1e6);
  return std::fflush(stdout) == 0 ? exit_code::done : exit_code::failed;
}

}  // namespace

std::function<int()> add_serve(CLI::App& larder) {
  auto given = std::make_shared<options>();
  CLI::App& app =
      *larder.add_subcommand("serve", "Serve chunks of weights over HTTP from a folder, with a bounded cache in memory");
  app.add_option("--chunks-dir", given->settings.chunks_dir, "chunks lie in it, manifests in its folder manifests")->required();
  app.add_option("--cache-size", given->cache_size, "bytes of chunks in memory: 200MB, 4GiB; a bare number is in MB")
      ->capture_default_str();
  app.add_option("--port", given->settings.port, "0: one that is free")->capture_default_str();
  app.add_option("--host", given->settings.host, "the interface; another than this machine's own needs a token")
      ->capture_default_str();
  app.add_option("--workers", given->settings.workers, "threads that talk to clients; 0: one per processor, at most 8")
      ->capture_default_str();
  app.add_option("--connections", given->settings.max_connections, "further clients are told to come again")
      ->capture_default_str();
  app.add_option("--token-file", given->token_file, "a file that holds what every client must know");
  app.add_option("--redis", given->redis, "redis://[user@]host[:port][/database]: what several servers share");
  app.add_flag("--json", given->json, "an object when it serves, and one when it has stopped");
  app.footer(
      R"(GET /v1/c/NAME is a chunk, GET /v1/m/MODEL/manifest the file manifests/MODEL.json. A chunk whose name is the digest of its content is
checked before its last byte goes out. / shows what goes on, /metrics tells it to Prometheus, /healthz says ok.

The token may stand in LARDER_SERVE_TOKEN instead of a file, the password for Redis in LARDER_REDIS_PASSWORD; never on the command line. Clients
send `Authorization: Bearer TOKEN`; a browser asks for it as a password. Without a token only who asks for localhost or an address is answered. Nothing is encrypted: put a proxy or a tunnel before other machines.

Examples:
  larder serve --chunks-dir chunks --cache-size 4GiB
  LARDER_SERVE_TOKEN=... larder serve --chunks-dir chunks --host 0.0.0.0 --redis redis://10.0.0.7

SIGINT and SIGTERM stop it: no new requests, five seconds for the answers that have begun.
Exit codes: 0 it was stopped; 1 it could not serve; 2 wrong use)");
  return [given] {
    try {
      read(*given);
    } catch (const larder::error& failure) {
      std::fprintf(stderr, "%s\n", as_said_here(failure.what()).c_str());
      return exit_code::wrong_use;
    }
    try {
      return serve_until_stopped(*given);
    } catch (const larder::error& failure) {
      std::fprintf(stderr, "%s\n", as_said_here(failure.what()).c_str());
      return failure.cause() == larder::error_cause::invalid_argument ? exit_code::wrong_use : exit_code::failed;
    } catch (const std::exception& failure) {
      std::fprintf(stderr, "%s\n", failure.what());
      return exit_code::failed;
    }
  };
}

}  // namespace tools
