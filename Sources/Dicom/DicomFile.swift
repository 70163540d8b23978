internal import CDCMTK

/// A DICOM file (PS3.10): file meta information and data set.
package struct DicomFile: Sendable {
    package struct MetaInformation: Sendable, Hashable {
        package var transferSyntaxUID: String
        package var mediaStorageSOPClassUID: String
        package var mediaStorageSOPInstanceUID: String

        package init(transferSyntaxUID: String, mediaStorageSOPClassUID: String, mediaStorageSOPInstanceUID: String) {
            self.transferSyntaxUID = transferSyntaxUID
            self.mediaStorageSOPClassUID = mediaStorageSOPClassUID
            self.mediaStorageSOPInstanceUID = mediaStorageSOPInstanceUID
        }
    }

    package var metaInformation: MetaInformation
    package var dataSet: DataSet

    /// A file to be written; SOP Class and Instance UID are taken from the data set.
    package init(dataSet: DataSet) {
        self.dataSet = dataSet
        metaInformation = MetaInformation(
            transferSyntaxUID: TransferSyntax.explicitVRLittleEndian.uid,
            mediaStorageSOPClassUID: dataSet.string(.sopClassUID) ?? "",
            mediaStorageSOPInstanceUID: dataSet.string(.sopInstanceUID) ?? ""
        )
    }

    /// Reads a file. The file is always parsed to its end, so that a truncated one is noticed, but elements
    /// from `until` on are not loaded into memory. Compressed Pixel Data is never in `dataSet`.
    ///
    /// - Parameter until: the first top-level tag left out, for example `.pixelData`; `nil` reads everything.
    package init(contentsOf path: String, until: Tag? = nil) throws(DicomError) {
        let shim = try ShimFile(opening: path)
        try self.init(shim, until: until)
    }

    init(_ shim: borrowing ShimFile, until: Tag?) throws(DicomError) {
        dataSet = try DataSetReader.read(shim, metaInformation: false, until: until)
        let meta = try DataSetReader.read(shim, metaInformation: true, until: nil)
        metaInformation = MetaInformation(
            transferSyntaxUID: shim.transferSyntaxUID,
            mediaStorageSOPClassUID: meta.string(.mediaStorageSOPClassUID) ?? "",
            mediaStorageSOPInstanceUID: meta.string(.mediaStorageSOPInstanceUID) ?? ""
        )
    }

    /// Writes preamble, meta information and data set; text as UTF-8 (the character set is declared where
    /// it is needed), explicit lengths, no group lengths. Compressed transfer syntaxes cannot be written.
    ///
    /// The file is written in place: write into a folder that is published by rename.
    package func write(to path: String, transferSyntax: TransferSyntax) throws(DicomError) {
        for tag in [Tag.sopClassUID, .sopInstanceUID] where dataSet.string(tag) == nil {
            throw DicomError.missingAttribute(tag)
        }
        let shim = try ShimFile()
        var complete = dataSet
        complete.declareCharacterSet()
        try DataSetWriter.write(complete, into: cdcm_root(shim.handle))
        let status = cdcm_save(
            shim.handle,
            path,
            transferSyntax.uid,
            UID.implementationClass,
            UID.implementationVersionName
        )
        guard status == CDCM_OK else { throw ShimFile.error(status, transferSyntax: transferSyntax.uid) }
    }

    /// The same with elements that are too large for memory: `body` writes them between those of the data set, from `tag` on.
    func write(
        to path: String,
        transferSyntax: TransferSyntax,
        from tag: Tag,
        _ body: (inout DicomFileStream) throws(DicomError) -> Void
    ) throws(DicomError) {
        var (before, after) = (self, DataSet())
        before.dataSet.declareCharacterSet()
        for late in dataSet.tags where late > tag {
            after[late] = dataSet[late]
            before.dataSet.remove(late)
        }
        try before.write(to: path, transferSyntax: transferSyntax)
        var stream = try DicomFileStream(appendingTo: path, transferSyntax: transferSyntax)
        try body(&stream)
        try stream.write(after)
        try stream.finish()
    }
}
