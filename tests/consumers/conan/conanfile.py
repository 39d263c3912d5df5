"""Stands in for a package of Conan Center by what the system has: conan create . --name=zstd --version=1.5.5. Targets and components have
the names of Conan Center's recipe."""
from conan import ConanFile

required_conan_version = ">=2.0"

# Package: CMake's name of the package, its component and target, and the libraries.
PACKAGES = {
    "xxhash": ("xxHash", "libxxhash", "xxHash::xxhash", ["xxhash"]),
    "simdjson": ("simdjson", None, "simdjson::simdjson", ["simdjson"]),
    "libcurl": ("CURL", "curl", "CURL::libcurl", ["curl"]),
    "expat": ("EXPAT", None, "EXPAT::EXPAT", ["expat"]),
    "openssl": ("OpenSSL", "crypto", "OpenSSL::Crypto", ["crypto"]),
    "hiredis": ("hiredis", "hiredis", "hiredis::hiredis", ["hiredis"]),
    "zstd": ("zstd", "zstdlib", "zstd::libzstd", ["zstd"]),
    "tomlplusplus": ("tomlplusplus", None, "tomlplusplus::tomlplusplus", []),
    "yaml-cpp": ("yaml-cpp", None, "yaml-cpp::yaml-cpp", ["yaml-cpp"]),
    "boost": ("Boost", "headers", "Boost::headers", []),
}


class SystemConan(ConanFile):
    settings = "os", "arch", "compiler", "build_type"
    options = {"header_only": [True, False]}
    default_options = {"header_only": False}

    def package_id(self):
        self.info.clear()

    def package_info(self):
        file_name, component, target, libraries = PACKAGES[self.name]
        self.cpp_info.set_property("cmake_file_name", file_name)
        part = self.cpp_info if component is None else self.cpp_info.components[component]
        part.set_property("cmake_target_name", target)
        part.includedirs = part.libdirs = part.bindirs = []
        part.system_libs = libraries
