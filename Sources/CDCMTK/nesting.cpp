// DCMTK follows nested sequences by recursion without a limit, so a small hostile file can overflow the stack.
// This walks the element headers first, without recursion, and refuses what no real object needs.
#include "internal.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

namespace {

/// Sequences within sequences; deep structured reports have about ten.
constexpr size_t maximumDepth = 64;
constexpr uint64_t unlimited = UINT64_MAX;

/// A window on the file, so that walking many small elements costs few system calls.
class Window {
public:
    explicit Window(const char *path) {
        do {
            descriptor = ::open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        } while (descriptor < 0 && errno == EINTR);
    }
    ~Window() {
        if (descriptor >= 0) ::close(descriptor);
    }
    Window(const Window &) = delete;
    Window &operator=(const Window &) = delete;

    /// `count` bytes (at most 16) at `position`, or null at the end of the file.
    const uint8_t *bytes(uint64_t position, size_t count) {
        if (position < start || position + count > start + length) {
            start = position;
            length = 0;
            if (descriptor < 0 || position > uint64_t(INT64_MAX)) return nullptr;
            while (length < buffer.size()) {
                const ssize_t got =
                    ::pread(descriptor, buffer.data() + length, buffer.size() - length, off_t(start + length));
                if (got < 0 && errno == EINTR) continue;
                if (got <= 0) break;
                length += size_t(got);
            }
            if (length < count) return nullptr;
        }
        return buffer.data() + (position - start);
    }

private:
    int descriptor = -1;
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
        : window(path), explicitVR(syntax.isExplicitVR()), bigEndian(syntax.isBigEndian()) {}

    /// False when sequences are nested too deeply. A file that makes no sense is left to DCMTK.
    bool isShallow() {
        if (!skipMetaInformation()) return true;
        while (step()) {
            if (levels.size() > 2 * maximumDepth) return false;
        }
        return true;
    }

private:
    Window window;
    bool explicitVR;
    bool bigEndian;
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

bool isShallow(const cdcm_file &file) {
    const DcmXfer syntax(file.transferSyntax.c_str());
    // Deflated and unknown data cannot be walked.
    if (syntax.getXfer() == EXS_Unknown || syntax.getStreamCompression() != ESC_none) return true;
    return Scan(file.path.c_str(), syntax).isShallow();
}

}  // namespace cdcm
