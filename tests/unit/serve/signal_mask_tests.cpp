#include <doctest/doctest.h>

#include <larder/serve/signal_mask.hpp>

#include <thread>

using namespace larder;

TEST_CASE("a thread of a server leaves signals to the program's own threads, but not its own faults") {
  sigset_t before, after, own;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  std::jthread([&] {
    serve::leave_signals_to_others();
    ::pthread_sigmask(SIG_SETMASK, nullptr, &own);
  }).join();
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGUSR1, SIGCHLD, SIGALRM}) CHECK(::sigismember(&own, signal) == 1);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) CHECK(::sigismember(&own, signal) == 0);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGSEGV}) CHECK(::sigismember(&after, signal) == ::sigismember(&before, signal));
}
