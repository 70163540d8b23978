// Walking a parsed data set and handing its values out.
#include "internal.h"

namespace {

struct Walk {
    const cdcm_visitor &visitor;

    void text(DcmElement &element, const char *vr) const {
        char *value = nullptr;
        Uint32 length = 0;
        if (element.getString(value, length).bad() || value == nullptr) length = 0;
        emit(element, vr, CDCM_TEXT, length ? value : "", length);
    }

    template <typename Number>
    cdcm_status numbers(DcmElement &element, const char *vr, cdcm_kind kind,
                        OFCondition (DcmElement::*get)(Number *&)) const {
        Number *values = nullptr;
        const size_t length = element.getLengthField();
        if (length > 0) {
            const OFCondition condition = (element.*get)(values);
            if (condition.bad()) return cdcm::statusOf(condition);
        }
        emit(element, vr, kind, values ? values : static_cast<const void *>(""), values ? length : 0);
        return CDCM_OK;
    }

    void emit(DcmElement &element, const char *vr, cdcm_kind kind, const void *bytes, size_t length) const {
        visitor.element(visitor.context, element.getGTag(), element.getETag(), vr, kind, bytes, length);
    }

    cdcm_status leaf(DcmElement &element) const;
    cdcm_status item(DcmItem &item, uint32_t stop) const;
    cdcm_status sequence(DcmSequenceOfItems &sequence) const;
};

cdcm_status Walk::leaf(DcmElement &element) const {
    const char *vr = DcmVR(element.getVR()).getValidVRName();
    switch (DcmVR(element.getVR()).getValidEVR()) {
    case EVR_US:
    case EVR_OW:
    case EVR_AT: return numbers<Uint16>(element, vr, CDCM_UINT16, &DcmElement::getUint16Array);
    case EVR_SS: return numbers<Sint16>(element, vr, CDCM_INT16, &DcmElement::getSint16Array);
    case EVR_UL:
    case EVR_OL: return numbers<Uint32>(element, vr, CDCM_UINT32, &DcmElement::getUint32Array);
    case EVR_SL: return numbers<Sint32>(element, vr, CDCM_INT32, &DcmElement::getSint32Array);
    case EVR_FL:
    case EVR_OF: return numbers<Float32>(element, vr, CDCM_FLOAT32, &DcmElement::getFloat32Array);
    case EVR_FD:
    case EVR_OD: return numbers<Float64>(element, vr, CDCM_FLOAT64, &DcmElement::getFloat64Array);
    case EVR_UV:
    case EVR_OV: return numbers<Uint64>(element, vr, CDCM_UINT64, &DcmElement::getUint64Array);
    case EVR_SV: return numbers<Sint64>(element, vr, CDCM_INT64, &DcmElement::getSint64Array);
    case EVR_OB:
    case EVR_UN: return numbers<Uint8>(element, vr, CDCM_BYTES, &DcmElement::getUint8Array);
    default: break;
    }
    text(element, vr);
    return CDCM_OK;
}

cdcm_status Walk::sequence(DcmSequenceOfItems &sequence) const {
    visitor.begin_sequence(visitor.context, sequence.getGTag(), sequence.getETag());
    cdcm_status status = CDCM_OK;
    DcmObject *child = nullptr;
    while (status == CDCM_OK && (child = sequence.nextInContainer(child)) != nullptr) {
        auto *childItem = dynamic_cast<DcmItem *>(child);
        if (childItem == nullptr) continue;
        visitor.begin_item(visitor.context);
        status = item(*childItem, 0xFFFFFFFFu);
        visitor.end_item(visitor.context);
    }
    visitor.end_sequence(visitor.context);
    return status;
}

cdcm_status Walk::item(DcmItem &item, uint32_t stop) const {
    cdcm_status status = CDCM_OK;
    DcmObject *object = nullptr;
    while (status == CDCM_OK && (object = item.nextInContainer(object)) != nullptr) {
        auto *element = dynamic_cast<DcmElement *>(object);
        if (element == nullptr) continue;
        const uint32_t tag = (uint32_t(element->getGTag()) << 16) | element->getETag();
        if (tag >= stop) break;
        if (element->getETag() == 0) continue;  // group lengths are recomputed, never kept
        if (auto *nested = dynamic_cast<DcmSequenceOfItems *>(element)) {
            status = sequence(*nested);
        } else if (auto *pixels = dynamic_cast<DcmPixelData *>(element)) {
            E_TransferSyntax syntax = EXS_Unknown;
            const DcmRepresentationParameter *parameter = nullptr;
            pixels->getOriginalRepresentationKey(syntax, parameter);
            if (!DcmXfer(syntax).isEncapsulated()) status = leaf(*element);
        } else {
            status = leaf(*element);
        }
        // What was on disk need not stay in memory: it is read again if it is asked for again.
        element->compact();
    }
    return status;
}

}  // namespace

extern "C" cdcm_status cdcm_visit(cdcm_file *file, int meta_information, uint16_t stop_group, uint16_t stop_number,
                                  const cdcm_visitor *visitor) {
    return cdcm::guarded([&]() -> cdcm_status {
        DcmItem *root = meta_information ? static_cast<DcmItem *>(file->format.getMetaInfo())
                                         : static_cast<DcmItem *>(file->format.getDataset());
        const Walk walk{*visitor};
        return walk.item(*root, (uint32_t(stop_group) << 16) | stop_number);
    });
}
