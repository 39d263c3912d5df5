#include "child.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <vector>

namespace {

using bench::ending;
using bench::in_child;

TEST_CASE("a child answers from a process of its own") {
  int here = 1;
  const pid_t own = ::getpid();
  const std::vector<double> answer = in_child(ending::by_itself, [&] {
    here = 2;
    return std::vector<double>{::getpid() == own ? 1.0 : 0.0, 2.5};
  });
  CHECK(answer == std::vector<double>{0, 2.5});
  CHECK(here == 1);
  CHECK(in_child(ending::by_itself, [] { return std::vector<double>{}; }).empty());
}

TEST_CASE("a child that is killed has answered before") {
  CHECK(in_child(ending::by_sigkill, [] { return std::vector<double>(10'000, 7); }) == std::vector<double>(10'000, 7));
}

TEST_CASE("what a child throws, or dies of, is told") {
  CHECK_THROWS_WITH_AS(in_child(ending::by_itself, []() -> std::vector<double> { throw std::runtime_error("no room"); }),
                       "no room", std::runtime_error);
  CHECK_THROWS_WITH_AS(in_child(ending::by_itself,
                                [] {
                                  ::raise(SIGKILL);
                                  return std::vector<double>{1};
                                }),
                       "died of signal 9", std::runtime_error);
}

TEST_CASE("a signal ends the child that runs, and throws") {
  const std::vector<double> seen = in_child(ending::by_itself, [] {  // in a child, since what is stopped remains so
    bench::stop_children_on_signals();
    double stopped = 0;
    for (int i = 0; i < 2; ++i) {
      try {
        in_child(ending::by_itself, []() -> std::vector<double> {
          ::kill(::getppid(), SIGTERM);
          for (;;) ::pause();
        });
      } catch (const bench::stopped&) {
        ++stopped;
      }
    }
    return std::vector<double>{stopped};
  });
  CHECK(seen == std::vector<double>{2});
}

}  // namespace
