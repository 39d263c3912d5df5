#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

namespace support {

/// f() in a child, which must say true and end well.
template <class F>
void in_child(F&& f) {
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);  // a child that hangs is a failure
    ::_exit(f() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace support
