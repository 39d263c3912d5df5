"""Conan 2 recipe of larder, for this checkout: conan create . [-o "&:http=True" ...]. Header-only: one package for every setting."""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load
from conan.tools.layout import basic_layout

required_conan_version = ">=2.0"


class LarderConan(ConanFile):
    name = "larder"
    description = "Header-only C++20 caches for machine-learning programs"
    license = "BSL-1.0"
    topics = ("cache", "header-only", "machine-learning")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"json": [True, False], "http": [True, False], "redis": [True, False], "zstd": [True, False],
               "config": [True, False], "toml": [True, False], "yaml": [True, False], "testing": [True, False]}
    default_options = {"json": False, "http": False, "redis": False, "zstd": False, "config": False, "toml": False, "yaml": False, "testing": False,
                       "boost/*:header_only": True}
    exports_sources = "include/*", "LICENSE"
    no_copy_source = True

    def set_version(self):
        header = load(self, os.path.join(self.recipe_folder, "include/larder/core/version.hpp"))
        self.version = re.search(r'LARDER_VERSION_STRING "(.+?)"', header)[1]

    def layout(self):
        basic_layout(self)

    @property
    def _configures(self):
        return self.options.config or self.options.toml or self.options.yaml

    def requirements(self):
        self.requires("xxhash/0.8.3", transitive_headers=True)
        if self.options.json or self.options.http or self._configures:
            self.requires("simdjson/3.13.0", transitive_headers=True, transitive_libs=True)
        if self.options.http:
            self.requires("libcurl/[>=7.88 <9]", transitive_headers=True, transitive_libs=True)
            self.requires("expat/[>=2.5 <3]", transitive_headers=True, transitive_libs=True)
            self.requires("openssl/[>=3 <4]", transitive_headers=True, transitive_libs=True)
        if self.options.redis:
            self.requires("hiredis/[>=1 <2]", transitive_headers=True, transitive_libs=True)
        if self.options.zstd or self._configures:
            self.requires("zstd/[>=1.4 <2]", transitive_headers=True, transitive_libs=True)
        if self.options.toml:
            self.requires("tomlplusplus/[>=3.3 <4]", transitive_headers=True)
        if self.options.yaml:
            self.requires("yaml-cpp/[>=0.7 <1]", transitive_headers=True, transitive_libs=True)
        if self.options.testing:
            self.requires("boost/[>=1.81 <2]", transitive_headers=True)

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "larder")
        self.cpp_info.set_property("pkg_config_name", "larder")

        def component(name, target, requires):
            part = self.cpp_info.components[name]
            part.set_property("cmake_target_name", target)
            part.bindirs = part.libdirs = []
            part.requires = requires
            return part

        core = component("core", "larder::larder", ["xxhash::xxhash"])
        if self.settings.os in ("Linux", "FreeBSD"):
            core.system_libs = ["pthread"]
        component("disk", "larder::disk", ["core"])
        component("serve", "larder::serve", ["disk"])
        if self.options.json or self.options.http or self._configures:
            component("json", "larder::json", ["core", "simdjson::simdjson"])
            component("layer", "larder::layer", ["disk", "json"])
            component("dataset", "larder::dataset", ["disk", "json"])
        if self.options.http:
            component("http", "larder::http", ["json", "libcurl::libcurl", "expat::expat", "openssl::crypto"])
            component("artifact", "larder::artifact", ["disk", "http"])
        if self.options.redis:
            component("redis", "larder::redis", ["core", "hiredis::hiredis"])
        if self.options.zstd or self._configures:
            component("zstd", "larder::zstd", ["core", "zstd::zstdlib"])
        if self._configures:
            component("config", "larder::config", ["disk", "json", "zstd", "layer", "dataset"])
        if self.options.toml:
            component("toml", "larder::toml", ["config", "tomlplusplus::tomlplusplus"])
        if self.options.yaml:
            component("yaml", "larder::yaml", ["config", "yaml-cpp::yaml-cpp"])
        if self.options.testing:
            component("testing", "larder::testing", ["core", "boost::headers"])
