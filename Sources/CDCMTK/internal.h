#pragma once
// Shared by the files of the shim only.
#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dcfcache.h"
#include "dcmtk/dcmdata/dctk.h"

#include "CDCMTK.h"

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

struct cdcm_file {
    DcmFileFormat format;
    std::string transferSyntax;
    std::string path;
    uint64_t size = 0;
    // Where the file meta information ends by its own group length (PS3.10 7.1); 0 where that is not given.
    uint64_t metaEnd = 0;
    bool textUnconverted = false;
    // Where the next frame of encapsulated pixel data begins, so that reading frames in order does
    // not search from the first fragment each time.
    Uint32 nextFrame = 0;
    Uint32 nextFragment = 0;
    // Keeps the file open while its pixel data is read in pieces.
    DcmFileCache cache;
    // What cdcm_encode gave last.
    std::vector<uint8_t> encoded;
};

namespace cdcm {

/// Keeps one line for cdcm_last_error; only fixed texts and DCMTK's condition texts, never values.
void remember(const char *text);

/// What a DCMTK condition means to us.
cdcm_status statusOf(const OFCondition &condition);

/// Runs `body` so that no exception passes the C border.
template <typename Body>
cdcm_status guarded(Body body) noexcept {
    try {
        return body();
    } catch (const std::bad_alloc &) {
        remember("not enough memory");
        return CDCM_OUT_OF_MEMORY;
    } catch (const std::exception &) {
        remember("exception in the DICOM library");
        return CDCM_EXCEPTION;
    } catch (...) {
        remember("unknown exception in the DICOM library");
        return CDCM_EXCEPTION;
    }
}

/// The pixel data of the data set, or null.
DcmPixelData *pixelData(cdcm_file &file);

/// Why the parser may not follow the structure of a file, as a fixed text; null where it may.
const char *structuralProblem(const cdcm_file &file);

}  // namespace cdcm
