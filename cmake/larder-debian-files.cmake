# CPack runs it before it packs: Debian looks for a package's licence and its changelogs in a place of its own, and for zsh's completions.
# The date is SOURCE_DATE_EPOCH's where that is set (scripts/release: the commit's).
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER "${component}" upper)
  set(package "${CPACK_DEBIAN_${upper}_PACKAGE_NAME}")
  set(shared "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}${CPACK_PACKAGING_INSTALL_PREFIX}/share")
  set(documents "${shared}/doc/${package}")
  file(MAKE_DIRECTORY "${documents}")
  file(RENAME "${shared}/licenses/larder/LICENSE" "${documents}/copyright")
  file(REMOVE_RECURSE "${shared}/licenses")
  file(COPY_FILE "${CMAKE_CURRENT_LIST_DIR}/../CHANGELOG.md" "${documents}/changelog")
  file(WRITE "${documents}/changelog.Debian" "${CPACK_DEBIAN_PACKAGE_SOURCE} (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * larder ${CPACK_PACKAGE_VERSION}; changelog.gz says what is new in it.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
  execute_process(COMMAND gzip -9n "${documents}/changelog" "${documents}/changelog.Debian" RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "larder: gzip could not compress the changelogs of ${package}")
  endif()
  if(EXISTS "${shared}/zsh/site-functions")
    file(RENAME "${shared}/zsh/site-functions" "${shared}/zsh/vendor-completions")
  endif()
endforeach()
