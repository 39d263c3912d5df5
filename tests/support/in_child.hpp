#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

namespace support {

/// How a child ended that ran f(), as `waitpid` says it: exited with 0 when f() said true. One that hangs is ended by SIGALRM.
template <class F>
int status_of_child(F&& f) {
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    ::_exit(f() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

/// f() in a child, which must say true and end well.
template <class F>
void in_child(F&& f) {
  const int status = status_of_child(f);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace support
