#include <larder/remote/bounded_command.hpp>

#include "azure_fixture.hpp"
#include "support/eventually.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

using namespace larder::azure_tests;
using larder::remote::bounded_command;
using ending = bounded_command::ending;

namespace {

bounded_command shell(const std::string& script) {
  bounded_command command;
  command.program = "/bin/sh";
  command.arguments = {"-c", script};
  command.most_time = 60s;
  return command;
}

/// Whether the process whose number the file holds is gone, or soon is.
bool ends(const std::string& file) {
  pid_t process = 0;
  std::ifstream(file) >> process;
  if (process <= 0) return false;
  return support::eventually([&] {
    if (::kill(process, 0) != 0) return errno == ESRCH;
    std::ifstream state("/proc/" + std::to_string(process) + "/stat");
    std::string number, name, letter;
    return state >> number >> name >> letter && letter == "Z";  // dead, not collected by whoever inherits it
  });
}

}  // namespace

TEST_CASE("a program's output, complaints and exit status are given") {
  const bounded_command::result got = shell("printf 'out put'; printf complaint >&2; exit 3").run({});
  CHECK(got.how == ending::exited);
  CHECK(got.status == 3);
  CHECK(got.output.reveal() == "out put");
  CHECK(got.complaints == "complaint");
  CHECK(shell("kill -9 $$").run({}).status == 128 + 9);
}

TEST_CASE("arguments reach the program as they are, and nothing comes from its standard input") {
  bounded_command command;
  command.program = "/bin/sh";
  command.arguments = {"-c", "cat; printf '%s|' \"$@\"", "zero", "$(id)", "a b", "'; exit 7"};
  const bounded_command::result got = command.run({});
  CHECK(got.status == 0);
  CHECK(got.output.reveal() == "$(id)|a b|'; exit 7|");
}

TEST_CASE("a program that does not end is killed with its children when its time is up") {
  const scratch_folder folder;
  const std::string file = (folder.path() / "child").string();
  bounded_command command = shell("sleep 600 & echo $! >" + file + ".new; mv " + file + ".new " + file + "; wait");
  command.most_time = 1s;
  const bounded_command::result got = command.run({});
  CHECK(got.how == ending::late);
  CHECK(got.output.empty());
  CHECK(ends(file));
}

TEST_CASE("a program that writes without an end is killed when it has written too much") {
  bounded_command command = shell("while :; do echo PLANTED; done");
  command.most_output = 1000;
  const bounded_command::result got = command.run({});
  CHECK(got.how == ending::too_long);
  CHECK(got.output.empty());
  command = shell("head -c 1000 /dev/zero");
  command.most_output = 1000;
  CHECK(command.run({}).output.reveal().size() == 1000);
}

TEST_CASE("complaints beyond the limit are dropped, and the program goes on") {
  bounded_command command = shell("head -c 1000000 /dev/zero >&2; printf done");
  const bounded_command::result got = command.run({});
  CHECK(got.how == ending::exited);
  CHECK(got.output.reveal() == "done");
  CHECK(got.complaints.size() == command.kept_complaints);
}

TEST_CASE("a stop ends the program") {
  const scratch_folder folder;
  const std::string file = (folder.path() / "self").string();
  std::stop_source stop;
  std::thread stopping([&] {
    support::eventually([&] { return std::filesystem::exists(file); });
    stop.request_stop();
  });
  CHECK(shell("echo $$ >" + file + ".new; mv " + file + ".new " + file + "; sleep 600").run(stop.get_token()).how ==
        ending::stopped);
  stopping.join();
  CHECK(ends(file));
}

TEST_CASE("what a program leaves behind with its channels open does not hold the caller") {
  const scratch_folder folder;
  const std::string file = (folder.path() / "child").string();
  const bounded_command::result got = shell("printf done; sleep 600 & echo $! >" + file).run({});
  CHECK(got.how == ending::exited);
  CHECK(got.output.reveal() == "done");
  pid_t left = 0;
  std::ifstream(file) >> left;
  REQUIRE(left > 0);
  CHECK(::kill(left, SIGKILL) == 0);
}

TEST_CASE("a program that closes its channels early is waited for") {
  const bounded_command::result got = shell("exec >&- 2>&-; i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; exit 4").run({});
  CHECK(got.how == ending::exited);
  CHECK(got.status == 4);
}

TEST_CASE("a program that cannot be started is an error that names it") {
  bounded_command command;
  command.program = "/nonexistent/program";
  CHECK(says(failure_of([&] { command.run({}); }), "\"/nonexistent/program\" cannot be run: No such file"));
}

TEST_CASE("a host program that ignores the end of its children gets the output without a status") {
  struct sigaction ignoring {};
  struct sigaction before {};
  ignoring.sa_handler = SIG_IGN;
  REQUIRE(::sigaction(SIGCHLD, &ignoring, &before) == 0);
  const bounded_command::result got = shell("printf done").run({});
  ::sigaction(SIGCHLD, &before, nullptr);
  CHECK(got.how == ending::exited);
  CHECK(got.output.reveal() == "done");
  CHECK(got.status == std::nullopt);
}

TEST_CASE("no descriptor is left behind by any ending") {
  const auto descriptors = [] {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
  };
  const std::size_t before = descriptors();
  shell("true").run({});
  bounded_command late = shell("sleep 600");
  late.most_time = 50ms;
  late.run({});
  late.program = "/nonexistent";
  CHECK(failure_of([&] { late.run({}); }));
  CHECK(descriptors() == before);
}
