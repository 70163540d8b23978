// Pixel data: one decoded or compressed frame at a time.
#include "internal.h"

#include "dcmtk/dcmdata/dcpixseq.h"
#include "dcmtk/dcmdata/dcpxitem.h"

#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

DcmPixelSequence *fragments(cdcm_file &file) {
    DcmPixelData *pixels = cdcm::pixelData(file);
    if (pixels == nullptr) return nullptr;
    E_TransferSyntax syntax = EXS_Unknown;
    const DcmRepresentationParameter *parameter = nullptr;
    pixels->getOriginalRepresentationKey(syntax, parameter);
    DcmPixelSequence *sequence = nullptr;
    if (pixels->getEncapsulatedRepresentation(syntax, parameter, sequence).bad()) return nullptr;
    return sequence;
}

/// The fragments in order. Walked once with nextInContainer: asking a sequence by number searches from
/// its start each time, and a hostile file may have a million fragments.
std::vector<DcmPixelItem *> itemsOf(DcmPixelSequence &sequence) {
    std::vector<DcmPixelItem *> items;
    DcmObject *object = nullptr;
    while ((object = sequence.nextInContainer(object)) != nullptr) {
        if (auto *item = dynamic_cast<DcmPixelItem *>(object)) items.push_back(item);
    }
    return items;
}

/// First and past-the-end fragment of `frame`. One fragment a frame, one frame in all, or a Basic
/// Offset Table; anything else cannot be told apart without decoding. Item 0 is the offset table.
bool fragmentRange(const std::vector<DcmPixelItem *> &items, uint32_t frame, uint32_t frames, size_t &first,
                   size_t &end) {
    if (items.size() < 2 || frames == 0 || frame >= frames) return false;
    if (frames == 1) {
        first = 1, end = items.size();
        return true;
    }
    if (items.size() - 1 == frames) {
        first = frame + size_t(1), end = first + 1;
        return true;
    }
    Uint8 *offsets = nullptr;
    if (items[0]->getLengthField() < 4ul * frames || items[0]->getUint8Array(offsets).bad() || offsets == nullptr) {
        return false;
    }
    auto offset = [&](uint32_t index) {
        const Uint8 *at = offsets + 4ul * index;
        return uint32_t(at[0]) | uint32_t(at[1]) << 8 | uint32_t(at[2]) << 16 | uint32_t(at[3]) << 24;
    };
    uint64_t position = 0;
    first = 0, end = items.size();
    for (size_t index = 1; index < items.size(); ++index) {
        if (position == offset(frame)) first = index;
        if (first != 0 && frame + 1 < frames && position == offset(frame + 1)) {
            end = index;
            break;
        }
        position += 8ull + items[index]->getLengthField();
    }
    return first != 0 && first < end;
}

cdcm_status joinFragments(const std::vector<DcmPixelItem *> &items, size_t first, size_t end, size_t limit,
                          uint8_t **bytes, size_t *length) {
    std::string joined;
    for (size_t index = first; index < end; ++index) {
        const size_t size = items[index]->getLengthField();
        if (size == 0) continue;
        if (size > limit - joined.size()) {
            cdcm::remember("a compressed frame is larger than allowed");
            return CDCM_CORRUPT;
        }
        Uint8 *data = nullptr;
        const OFCondition condition = items[index]->getUint8Array(data);
        if (condition.bad()) return cdcm::statusOf(condition);
        if (data != nullptr) joined.append(reinterpret_cast<const char *>(data), size);
        // Give the memory back: the fragment is read again from the file if it is needed again.
        items[index]->compact();
    }
    auto *copy = static_cast<uint8_t *>(std::malloc(joined.size() + 1));
    if (copy == nullptr) return CDCM_OUT_OF_MEMORY;
    std::memcpy(copy, joined.data(), joined.size());
    *bytes = copy;
    *length = joined.size();
    return CDCM_OK;
}

cdcm_status decode(cdcm_file &file, uint32_t frame, void *buffer, size_t size) {
    DcmPixelData *pixels = cdcm::pixelData(file);
    if (pixels == nullptr) {
        cdcm::remember("no pixel data");
        return CDCM_CORRUPT;
    }
    if (size != cdcm_frame_size(&file) || size == 0) {
        cdcm::remember("the frame size does not match the header");
        return CDCM_CORRUPT;
    }
    if (frame != file.nextFrame) file.nextFragment = 0;  // 0: let DCMTK find the fragment
    OFString colorModel;
    Uint32 fragment = file.nextFragment;
    const OFCondition condition = pixels->getUncompressedFrame(file.format.getDataset(), frame, fragment, buffer,
                                                               Uint32(size), colorModel, nullptr);
    if (condition.bad()) return cdcm::statusOf(condition);
    file.nextFrame = frame + 1;
    file.nextFragment = fragment;
    return CDCM_OK;
}

}  // namespace

extern "C" {

cdcm_status cdcm_pixel_summary(cdcm_file *file, cdcm_pixels *out) {
    *out = cdcm_pixels{};
    return cdcm::guarded([&]() -> cdcm_status {
        DcmPixelData *pixels = cdcm::pixelData(*file);
        if (pixels == nullptr) return CDCM_OK;
        out->present = 1;
        if (DcmPixelSequence *sequence = fragments(*file)) {
            out->encapsulated = 1;
            const auto items = itemsOf(*sequence);
            out->fragments = items.empty() ? 0 : uint32_t(items.size() - 1);
            for (size_t index = 1; index < items.size(); ++index) out->length += items[index]->getLengthField();
        } else {
            out->length = pixels->getLengthField();
        }
        return CDCM_OK;
    });
}

size_t cdcm_frame_size(cdcm_file *file) {
    size_t size = 0;
    cdcm::guarded([&]() -> cdcm_status {
        DcmPixelData *pixels = cdcm::pixelData(*file);
        Uint32 bytes = 0;
        if (pixels != nullptr && pixels->getUncompressedFrameSize(file->format.getDataset(), bytes).good()) size = bytes;
        return CDCM_OK;
    });
    return size;
}

cdcm_status cdcm_decode_frame(cdcm_file *file, uint32_t frame, void *buffer, size_t size) {
    return cdcm::guarded([&] { return decode(*file, frame, buffer, size); });
}

cdcm_status cdcm_compressed_frame(cdcm_file *file, uint32_t frame, uint32_t frame_count, size_t limit,
                                  uint8_t **bytes, size_t *length) {
    *bytes = nullptr;
    *length = 0;
    return cdcm::guarded([&]() -> cdcm_status {
        DcmPixelSequence *sequence = fragments(*file);
        const auto items = sequence ? itemsOf(*sequence) : std::vector<DcmPixelItem *>();
        size_t first = 0, end = 0;
        if (!fragmentRange(items, frame, frame_count, first, end)) {
            cdcm::remember("the fragments of this frame cannot be found");
            return CDCM_CORRUPT;
        }
        return joinFragments(items, first, end, limit, bytes, length);
    });
}

void cdcm_free(void *bytes) { std::free(bytes); }

cdcm_status cdcm_read_pixels(cdcm_file *file, size_t offset, void *bytes, size_t length) {
    return cdcm::guarded([&]() -> cdcm_status {
        DcmPixelData *pixels = cdcm::pixelData(*file);
        const size_t all = pixels == nullptr || fragments(*file) != nullptr ? 0 : pixels->getLengthField();
        if (offset > all || length > all - offset) {
            cdcm::remember("the pixel data is shorter than the header says");
            return CDCM_CORRUPT;
        }
        if (length == 0) return CDCM_OK;
        return cdcm::statusOf(pixels->getPartialValue(bytes, Uint32(offset), Uint32(length), &file->cache));
    });
}

void cdcm_forget(cdcm_file *file, uint16_t group, uint16_t number) {
    cdcm::guarded([&] {
        file->format.getDataset()->findAndDeleteElement(DcmTagKey(group, number));
        return CDCM_OK;
    });
}

}  // extern "C"
