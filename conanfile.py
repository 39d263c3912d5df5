"""Conan 2 recipe of larder: conan create . -o "&:http=True" packages this checkout; the recipe that scripts/release writes takes a release's
tarball (conandata.yml). An option per component, all of them off. Header-only: one package for every setting and option."""
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, get, load, save
from conan.tools.layout import basic_layout

required_conan_version = ">=2.0"

# Component: what it links, and the components that it needs. As cmake/larder-components.cmake has it (tools/lint_packages.py compares them).
COMPONENTS = {
    "core": (["xxHash::xxhash"], []),
    "disk": ([], ["core"]),
    "json": (["simdjson::simdjson"], ["core"]),
    "http": (["CURL::libcurl", "EXPAT::EXPAT", "OpenSSL::Crypto"], ["json"]),
    "redis": (["hiredis::hiredis"], ["core"]),
    "zstd": (["zstd::libzstd"], ["core"]),
    "layer": ([], ["json", "disk"]),
    "dataset": ([], ["json", "disk"]),
    "artifact": ([], ["disk", "http"]),
    "config": ([], ["disk", "json", "zstd", "layer", "dataset"]),
    "toml": (["tomlplusplus::tomlplusplus"], ["config"]),
    "yaml": (["yaml-cpp::yaml-cpp"], ["config"]),
    "httptier": ([], ["config", "http"]),
    "redistier": ([], ["config", "redis"]),
    "presets": ([], ["disk", "http"]),
    "serve": ([], ["disk"]),
    "testing": (["Boost::headers"], ["core"]),
}
# What is linked: the package that has it, and its name there.
PACKAGES = {
    "xxHash::xxhash": ("xxhash/0.8.3", "xxhash::xxhash"),
    "simdjson::simdjson": ("simdjson/[>=3 <5]", "simdjson::simdjson"),
    "CURL::libcurl": ("libcurl/[>=7.88 <9]", "libcurl::libcurl"),
    "EXPAT::EXPAT": ("expat/[>=2.5 <3]", "expat::expat"),
    "OpenSSL::Crypto": ("openssl/[>=3 <4]", "openssl::crypto"),
    "hiredis::hiredis": ("hiredis/[>=1 <2]", "hiredis::hiredis"),
    "zstd::libzstd": ("zstd/[>=1.4 <2]", "zstd::zstdlib"),
    "tomlplusplus::tomlplusplus": ("tomlplusplus/[>=3.3 <4]", "tomlplusplus::tomlplusplus"),
    "yaml-cpp::yaml-cpp": ("yaml-cpp/[>=0.7 <1]", "yaml-cpp::yaml-cpp"),
    "Boost::headers": ("boost/[>=1.81 <2]", "boost::headers"),
}
POSIX = {"disk", "redis"}                                   # and what needs them
LINUX = {"serve"}
SOURCES = """# What links one of these compiles a file, as with the targets of an installation: cmake/with_<component>.cpp.
foreach(component IN ITEMS toml yaml httptier redistier)
  if(TARGET larder::${component} AND NOT larder_compiles_${component})
    target_sources(larder::${component} INTERFACE "${CMAKE_CURRENT_LIST_DIR}/with_${component}.cpp")
    set(larder_compiles_${component} TRUE)
  endif()
endforeach()
"""


class LarderConan(ConanFile):
    name = "larder"
    description = "Header-only C++20 caches for machine-learning programs"
    license = "BSL-1.0"
    topics = ("cache", "header-only", "machine-learning")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {component: [True, False] for component in COMPONENTS if component != "core"}
    default_options = {**dict.fromkeys(options, False), "boost/*:header_only": True}
    exports_sources = "include/*", "cmake/with_*.cpp", "tools/gdb/larder_printers.py", "docs/config.schema.json", "LICENSE"
    no_copy_source = True

    def _wanted(self):
        wanted = {"core"}
        for component, (_, needs) in reversed(COMPONENTS.items()):
            if component in wanted or self.options.get_safe(component):
                wanted |= {component, *needs}
        return [component for component in COMPONENTS if component in wanted]

    def set_version(self):
        if not self.version:
            header = load(self, os.path.join(self.recipe_folder, "include/larder/core/version.hpp"))
            self.version = re.search(r'LARDER_VERSION_STRING "(.+?)"', header)[1]

    def layout(self):
        basic_layout(self)

    def requirements(self):
        for component in self._wanted():
            for link in COMPONENTS[component][0]:
                headers_only = component in ("core", "testing")
                self.requires(PACKAGES[link][0], transitive_headers=True, transitive_libs=not headers_only)

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)
        for component in self._wanted():
            if self.settings.os == "Windows" and component in POSIX or self.settings.os != "Linux" and component in LINUX:
                raise ConanInvalidConfiguration(f"larder: component {component} is not for {self.settings.os}")

    def source(self):
        if self.conan_data:
            get(self, **self.conan_data["sources"][self.version], strip_root=True)

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))
        shared = os.path.join(self.package_folder, "share", "larder")
        copy(self, "with_*.cpp", os.path.join(self.source_folder, "cmake"), shared)
        copy(self, "larder_printers.py", os.path.join(self.source_folder, "tools", "gdb"), shared)
        copy(self, "config.schema.json", os.path.join(self.source_folder, "docs"), shared)
        save(self, os.path.join(shared, "larder-sources.cmake"), SOURCES)

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "larder")
        self.cpp_info.set_property("cmake_target_name", "larder::everything")   # larder::larder is the core's
        self.cpp_info.set_property("pkg_config_name", "larder_everything")
        self.cpp_info.set_property("cmake_build_modules", [os.path.join("share", "larder", "larder-sources.cmake")])
        for name in self._wanted():
            links, needs = COMPONENTS[name]
            part = self.cpp_info.components[name]
            part.set_property("cmake_target_name", "larder::larder" if name == "core" else f"larder::{name}")
            part.set_property("pkg_config_name", "larder" if name == "core" else f"larder_{name}")
            part.bindirs = part.libdirs = []
            part.requires = [*needs, *(PACKAGES[link][1] for link in links)]
            if name == "core" and self.settings.os in ("Linux", "FreeBSD"):
                part.system_libs = ["pthread"]
