#include <larder/format/tensor_name.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using larder::format::printable_name;
using larder::format::tensor_name_fault;

TEST_CASE("names that lead nowhere are taken") {
  for (const char* name : {"a", "model.layers.0.mlp.weight", "a..b", "/bert/layer.0/kernel:0", "...", "\xc3\xa9"})
    CHECK(tensor_name_fault(name).empty());
}

TEST_CASE("names that end early, name a folder above or are none have a fault") {
  CHECK(tensor_name_fault("") == "it has an empty name");
  CHECK(tensor_name_fault(std::string("a\0b", 3)).find("control character") != std::string::npos);
  CHECK(tensor_name_fault("a\x7f").find("control character") != std::string::npos);
  for (const char* name : {".", "..", "../a", "a/..", "a/../b", "a\\..\\b", "./a"})
    CHECK(tensor_name_fault(name).find("path component") != std::string::npos);
}

TEST_CASE("a name is printed without what a terminal or a reader could mistake") {
  CHECK(printable_name("a") == "\"a\"");
  CHECK(printable_name(std::string("a\0\n\"\\", 5)) == "\"a\\x00\\x0a\\x22\\x5c\"");
  CHECK(printable_name(std::string(300, 'x')).size() == 205);
}

TEST_CASE("a name that two tensors have is found wherever they stand") {
  const auto repeated = [](const std::vector<std::string>& names) {
    std::vector<larder::tensor_info> tensors(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) tensors[i].name = names[i];
    const larder::tensor_info* const found = larder::format::repeated_tensor(tensors);
    return found == nullptr ? std::string("none") : found->name;
  };
  CHECK(repeated({}) == "none");
  CHECK(repeated({"b", "a", "c"}) == "none");
  CHECK(repeated({"b", "a", "c", "b"}) == "b");
  CHECK(repeated({"a", "a"}) == "a");
}
