/// SOP Class UIDs (PS3.4 annex B) that decide what becomes of a file.
package enum SOPClass {
    package static let ctImage = "1.2.840.10008.5.1.4.1.1.2"
    package static let enhancedCTImage = "1.2.840.10008.5.1.4.1.1.2.1"
    package static let legacyConvertedEnhancedCTImage = "1.2.840.10008.5.1.4.1.1.2.2"
    package static let rtStructureSet = "1.2.840.10008.5.1.4.1.1.481.3"
    package static let segmentation = "1.2.840.10008.5.1.4.1.1.66.4"
    package static let labelMapSegmentation = "1.2.840.10008.5.1.4.1.1.66.7"
    package static let rawData = "1.2.840.10008.5.1.4.1.1.66"
    package static let mediaStorageDirectory = "1.2.840.10008.1.3.10"
}
