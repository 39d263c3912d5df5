set(VCPKG_BUILD_TYPE release) # header-only

# From the checkout that this port lies in; scripts/release writes the port of a release, which takes the tarball in the place of this line.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
    FEATURES
        artifact  LARDER_WITH_ARTIFACT
        config    LARDER_WITH_CONFIG
        dataset   LARDER_WITH_DATASET
        disk      LARDER_WITH_DISK
        http      LARDER_WITH_HTTP
        httptier  LARDER_WITH_HTTPTIER
        json      LARDER_WITH_JSON
        layer     LARDER_WITH_LAYER
        presets   LARDER_WITH_PRESETS
        redis     LARDER_WITH_REDIS
        redistier LARDER_WITH_REDISTIER
        serve     LARDER_WITH_SERVE
        testing   LARDER_WITH_TESTING
        toml      LARDER_WITH_TOML
        yaml      LARDER_WITH_YAML
        zstd      LARDER_WITH_ZSTD
)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        ${FEATURE_OPTIONS}
        -DLARDER_BUILD_TESTS=OFF
        -DLARDER_BUILD_EXAMPLES=OFF
        -DLARDER_BUILD_BENCHMARKS=OFF
        -DLARDER_BUILD_TOOLS=OFF
        -DLARDER_INSTALL=ON
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/larder)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/cmake" "${CURRENT_PACKAGES_DIR}/share/licenses")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
