// DCMTK follows nested sequences by recursion without a limit, so a small hostile file can overflow the stack. It
// also keeps whatever a deflated data set grows to in memory. This walks the element headers first, without
// recursion, and refuses what no real object needs.
#include "internal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <vector>
#include <zlib.h>

namespace {

/// Sequences within sequences; deep structured reports have about ten.
constexpr size_t maximumDepth = 64;
constexpr uint64_t unlimited = UINT64_MAX;
/// Elements and items in all; large structure sets have some hundred thousand. DCMTK makes an object of each.
constexpr size_t maximumElements = 2'000'000;
/// What a deflated data set may grow to: a thousand slices of 512 x 512 in one file.
constexpr uint64_t maximumInflated = uint64_t(1) << 30;

/// Where the bytes of a file come from. `read` gives up to `count` bytes at `position`, 0 at the end.
class Source {
public:
    virtual ~Source() = default;
    virtual size_t read(uint64_t position, uint8_t *to, size_t count) = 0;
};

class FileSource : public Source {
public:
    explicit FileSource(const char *path) {
        do {
            descriptor = ::open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        } while (descriptor < 0 && errno == EINTR);
    }
    ~FileSource() override {
        if (descriptor >= 0) ::close(descriptor);
    }
    FileSource(const FileSource &) = delete;
    FileSource &operator=(const FileSource &) = delete;

    size_t read(uint64_t position, uint8_t *to, size_t count) override {
        if (descriptor < 0 || position > uint64_t(INT64_MAX)) return 0;
        ssize_t got;
        do {
            got = ::pread(descriptor, to, count, off_t(position));
        } while (got < 0 && errno == EINTR);
        return got > 0 ? size_t(got) : 0;
    }

private:
    int descriptor = -1;
};

/// The data set of a deflated file (PS3.5 A.5), which can only be read forwards.
class InflatedSource : public Source {
public:
    InflatedSource(const char *path, uint64_t begin) : file(path), next(begin), begin(begin) {
        ready = inflateInit2(&stream, -MAX_WBITS) == Z_OK;
    }
    ~InflatedSource() override {
        if (ready) inflateEnd(&stream);
    }

    size_t read(uint64_t position, uint8_t *to, size_t count) override {
        const uint64_t wanted = position - begin;
        while (ready && !ended && produced < wanted) {
            uint8_t skipped[4096];
            if (step(skipped, size_t(std::min<uint64_t>(sizeof skipped, wanted - produced))) == 0) break;
        }
        return ready && !ended && produced == wanted ? step(to, count) : 0;
    }

private:
    /// Inflates up to `count` bytes; 0 at the end or where the stream is damaged.
    size_t step(uint8_t *to, size_t count) {
        stream.next_out = to;
        stream.avail_out = uInt(count);
        while (stream.avail_out > 0 && !ended) {
            if (stream.avail_in == 0) {
                const size_t got = file.read(next, input, sizeof input);
                if (got == 0) break;
                next += got;
                stream.next_in = input;
                stream.avail_in = uInt(got);
            }
            if (inflate(&stream, Z_NO_FLUSH) != Z_OK) ended = true;
        }
        const size_t done = count - stream.avail_out;
        produced += done;
        return done;
    }

    FileSource file;
    uint64_t next;
    uint64_t begin;
    uint64_t produced = 0;
    z_stream stream{};
    uint8_t input[1 << 14];
    bool ready = false;
    bool ended = false;
};

/// A window on the file, so that walking many small elements costs few system calls.
class Window {
public:
    explicit Window(std::unique_ptr<Source> source) : source(std::move(source)) {}

    /// `count` bytes (at most 16) at `position`, or null at the end of the file.
    const uint8_t *bytes(uint64_t position, size_t count) {
        if (position < start || position + count > start + length) {
            // What is there already is kept: a source may not be able to go back.
            const uint64_t end = start + length;
            const size_t kept = position >= start && position < end ? size_t(end - position) : 0;
            if (kept > 0) std::memmove(buffer.data(), buffer.data() + (position - start), kept);
            start = position;
            length = kept;
            while (length < buffer.size()) {
                const size_t got = source->read(start + length, buffer.data() + length, buffer.size() - length);
                if (got == 0) break;
                length += got;
            }
            if (length < count) return nullptr;
        }
        return buffer.data() + (position - start);
    }

private:
    std::unique_ptr<Source> source;
    std::vector<uint8_t> buffer = std::vector<uint8_t>(1 << 16);
    uint64_t start = 0;
    size_t length = 0;
};

struct Level {
    uint64_t end;
    bool explicitVR;
    bool fragments;  // items hold compressed pixels, not elements
};

class Scan {
public:
    Scan(const char *path, const DcmXfer &syntax)
        : path(path),
          window(std::make_unique<FileSource>(path)),
          explicitVR(syntax.isExplicitVR()),
          bigEndian(syntax.isBigEndian()),
          isDeflated(syntax.getStreamCompression() == ESC_zlib) {}

    /// What is wrong with the file; null where nothing is. A file that makes no sense is left to DCMTK.
    const char *problem() {
        if (!skipMetaInformation()) return nullptr;
        if (isDeflated) window = Window(std::make_unique<InflatedSource>(path, position));
        const uint64_t begin = position;
        for (size_t elements = 0; step(); ++elements) {
            if (elements > maximumElements) return "it has more elements than any object";
            if (levels.size() > 2 * maximumDepth) return "sequences are nested too deeply";
            if (isDeflated && position - begin > maximumInflated) return "the deflated data set is too large";
        }
        return nullptr;
    }

private:
    const char *path;
    Window window;
    bool explicitVR;
    bool bigEndian;
    bool isDeflated;
    uint64_t position = 132;
    std::vector<Level> levels;

    uint16_t number16(const uint8_t *at, bool big) const {
        return big ? uint16_t(at[0] << 8 | at[1]) : uint16_t(at[1] << 8 | at[0]);
    }
    uint32_t number32(const uint8_t *at, bool big) const {
        return big ? uint32_t(number16(at, true)) << 16 | number16(at + 2, true)
                   : uint32_t(number16(at + 2, false)) << 16 | number16(at, false);
    }

    /// Length and header size of the element at `at`, of which 12 bytes may not all be there.
    bool header(bool explicitHere, bool big, uint32_t &size, uint32_t &headerSize, bool &isSequence, bool &isBinary) {
        const uint8_t *at = window.bytes(position, 8);
        if (at == nullptr) return false;
        isSequence = isBinary = false;
        headerSize = 8;
        if (!explicitHere) {
            size = number32(at + 4, big);
            return true;
        }
        const char name[3] = {char(at[4]), char(at[5]), 0};
        const DcmVR vr(name);
        isSequence = vr.getEVR() == EVR_SQ;
        isBinary = vr.getEVR() == EVR_OB || vr.getEVR() == EVR_OW;
        isUnknown = vr.getEVR() == EVR_UN;
        if (!vr.usesExtendedLengthEncoding()) {
            size = number16(at + 6, big);
            return true;
        }
        at = window.bytes(position, 12);
        if (at == nullptr) return false;
        headerSize = 12;
        size = number32(at + 8, big);
        return true;
    }
    bool isUnknown = false;

    bool skipMetaInformation() {
        for (;;) {
            const uint8_t *at = window.bytes(position, 8);
            if (at == nullptr) return false;
            if (number16(at, false) != 2) return true;
            uint32_t size = 0, headerSize = 0;
            bool isSequence = false, isBinary = false;
            if (!header(true, false, size, headerSize, isSequence, isBinary)) return false;
            position += uint64_t(headerSize) + size;
        }
    }

    bool step() {
        while (!levels.empty() && position >= levels.back().end) levels.pop_back();
        const uint8_t *at = window.bytes(position, 8);
        if (at == nullptr) return false;
        const uint16_t group = number16(at, bigEndian);
        const uint16_t element = number16(at + 2, bigEndian);
        if (group == 0xFFFE) {
            delimiter(element, number32(at + 4, bigEndian));
            return true;
        }
        const bool explicitHere = levels.empty() ? explicitVR : levels.back().explicitVR;
        uint32_t size = 0, headerSize = 0;
        bool isSequence = false, isBinary = false;
        isUnknown = false;
        if (!header(explicitHere, bigEndian, size, headerSize, isSequence, isBinary)) return false;
        position += headerSize;
        if (size == 0xFFFFFFFFu) {
            const bool fragments = isBinary || (!explicitHere && group == 0x7FE0);
            levels.push_back({unlimited, explicitHere && !isUnknown, fragments});
        } else if (isSequence || (!explicitHere && beginsWithItem(size))) {
            levels.push_back({position + size, explicitHere, false});
        } else {
            position += size;
        }
        return true;
    }

    void delimiter(uint16_t element, uint32_t size) {
        position += 8;
        const bool explicitHere = levels.empty() ? explicitVR : levels.back().explicitVR;
        if (element == 0xE000) {
            if (!levels.empty() && levels.back().fragments) {
                position += size == 0xFFFFFFFFu ? 0 : size;
            } else {
                levels.push_back({size == 0xFFFFFFFFu ? unlimited : position + size, explicitHere, false});
            }
        } else if (!levels.empty() && levels.back().end == unlimited) {
            levels.pop_back();
        }
    }

    /// In implicit VR a sequence of defined length is known by its first item.
    bool beginsWithItem(uint32_t size) {
        if (size < 8) return false;
        const uint8_t *at = window.bytes(position, 4);
        return at != nullptr && number16(at, bigEndian) == 0xFFFE && number16(at + 2, bigEndian) == 0xE000;
    }
};

}  // namespace

namespace cdcm {

const char *structuralProblem(const cdcm_file &file) {
    const DcmXfer syntax(file.transferSyntax.c_str());
    if (syntax.getXfer() == EXS_Unknown) return nullptr;
    return Scan(file.path.c_str(), syntax).problem();
}

}  // namespace cdcm
