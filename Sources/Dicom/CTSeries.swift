import Imaging
import Platform

/// A CT as one volume, with what is needed to refer back to its images.
package struct CTSeries: Sendable {
    /// Hounsfield units; i along a row, j along a column, k along row x column.
    package var volume: Volume<Int16>
    /// The image of each slice, in k order.
    package var slices: [SliceReference]
    /// Attributes that our products repeat. Patient data.
    package var reference: ReferenceAttributes
    /// Header of the first slice, for the report: equipment, kernel, rescale.
    package var header: InstanceHeader
    /// What the voxels look like.
    package var counts: HUCounts
    /// Warnings; a series with a refusal is not loaded.
    package var findings: [AdmissionFinding]
    package var extentIsProvable: Bool
}

/// Reads a CT Series into one volume of Hounsfield units.
///
/// Classic single-frame and enhanced multi-frame images alike. Slices are sorted by projection on their normal
/// and decoded on several threads; beside the volume a few slices are in memory. Padding becomes air
/// before anything else is done with the values.
///
/// - Parameters:
///   - files: the images of one stack; nothing else may be among them.
///   - volume: makes the volume that the slices are written to, of zeros.
///   - progress: 0 to 1, from any thread.
///   - isCancelled: asked before each slice.
/// - Throws: `refused` with every reason if the images are no trustworthy volume; `cancelled`; or what kept a
///   file from being opened.
package func loadCTSeries(
    files: [String],
    limits: AdmissionLimits = AdmissionLimits(),
    threads: Int = ProcessorCount.available,
    seriesInstanceCount: Int? = nil,
    progress: @escaping @Sendable (Double) -> Void = { _ in },
    isCancelled: @escaping @Sendable () -> Bool = { false },
    volume: (VolumeGeometry) throws -> Volume<Int16>
) throws -> CTSeries {
    let loader = CTSeriesLoader(
        limits: limits,
        threads: threads,
        seriesInstanceCount: seriesInstanceCount,
        progress: progress,
        isCancelled: isCancelled
    )
    return try loader.load(files, into: volume)
}

/// The same in ordinary memory.
package func loadCTSeries(
    files: [String],
    limits: AdmissionLimits = AdmissionLimits(),
    threads: Int = ProcessorCount.available,
    seriesInstanceCount: Int? = nil,
    progress: @escaping @Sendable (Double) -> Void = { _ in },
    isCancelled: @escaping @Sendable () -> Bool = { false }
) throws -> CTSeries {
    try loadCTSeries(
        files: files,
        limits: limits,
        threads: threads,
        seriesInstanceCount: seriesInstanceCount,
        progress: progress,
        isCancelled: isCancelled,
        volume: { geometry in
            var volume = Volume<Int16>(geometry: geometry, repeating: 0)
            volume.voxels.withUnsafeMutableBufferPointer { preferLargePages(UnsafeMutableRawBufferPointer($0)) }
            return volume
        }
    )
}

/// What `loadCTSeries` judges before it looks at the values: geometry, attributes, repeats, and whose images they are.
/// - Throws: what kept a file from being read.
package func examineCTSeries(
    files: [String],
    limits: AdmissionLimits = AdmissionLimits(),
    threads: Int = ProcessorCount.available,
    seriesInstanceCount: Int? = nil
) throws(DicomError) -> StackExamination {
    let loader = CTSeriesLoader(
        limits: limits,
        threads: threads,
        seriesInstanceCount: seriesInstanceCount,
        progress: { _ in },
        isCancelled: { false }
    )
    return try loader.examine(files).examination
}

struct CTSeriesLoader: Sendable {
    let limits: AdmissionLimits
    let threads: Int
    let seriesInstanceCount: Int?
    let progress: @Sendable (Double) -> Void
    let isCancelled: @Sendable () -> Bool

    /// Share of the progress that reading the headers takes.
    private static let headerShare = 0.2

    func load(_ files: [String], into volume: (VolumeGeometry) throws -> Volume<Int16>) throws -> CTSeries {
        let (kept, examination) = try examine(files)
        guard examination.isAcceptable, let geometry = examination.geometry else {
            throw DicomError.refused(examination.findings)
        }
        var volume = try volume(geometry)
        let decoded = try decode(examination.slices, of: kept, into: &volume)
        let counts = decoded.reduce(HUCounts()) { $0 + $1.counts }
        let first = kept[examination.slices[0].header]
        let valueFindings = examineValues(counts, kept)
        guard valueFindings.allSatisfy({ $0.severity == .warning }) else {
            throw DicomError.refused(examination.findings + valueFindings)
        }
        var attributes = first.reference
        if kept.contains(where: { $0.header.isLossy == true }) {
            // The images need not agree, and some do not say it.
            attributes.dataSet.set(.lossyImageCompression, .CS, "01")
        }
        return CTSeries(
            volume: volume,
            slices: examination.slices.map { reference($0, of: kept[$0.header].header) },
            reference: attributes,
            header: first.header,
            counts: counts,
            findings: examination.findings + valueFindings
                + repeatedPictures(examination.slices, decoded.map(\.fingerprint))
                + blankSlices(examination.slices, decoded.map(\.fingerprint))
                + lostRows(examination.slices, decoded, limits)
                + misplacedSlices(examination.slices, decoded)
                + shiftedValues(decoded),
            extentIsProvable: examination.extentIsProvable
        )
    }

    /// One file for each instance, and the findings that need no values.
    func examine(_ files: [String]) throws(DicomError) -> (images: [CTImageFile], examination: StackExamination) {
        let (kept, repeatFindings) = try withoutRepeats(try readHeaders(files))
        var examination = examineStack(
            kept.map(\.header),
            limits: limits,
            seriesInstanceCount: seriesInstanceCount
        )
        examination.findings += repeatFindings + examineIdentities(kept) + examineSources(kept)
        return (kept, examination)
    }

    private func reference(_ slice: ExaminedSlice, of header: InstanceHeader) -> SliceReference {
        SliceReference(
            sopClassUID: header.sopClassUID,
            sopInstanceUID: header.sopInstanceUID,
            position: slice.position,
            instanceNumber: header.instanceNumber,
            frameNumber: header.frames.count > 1 || header.isEnhanced ? slice.frame + 1 : nil
        )
    }

    // MARK: Headers

    private func readHeaders(_ files: [String]) throws(DicomError) -> [CTImageFile] {
        let results = Slots<Result<CTImageFile, DicomError>>(count: files.count)
        parallelFor(files.count, threads: threads) { range in
            for index in range {
                if isCancelled() {
                    results[index] = .failure(.cancelled)
                    continue
                }
                results[index] = Result { () throws(DicomError) in try CTImageFile(path: files[index]) }
                progress(Self.headerShare * Double(index - range.lowerBound + 1) / Double(range.count))
            }
        }
        var images: [CTImageFile] = []
        for (index, result) in results.values.enumerated() {
            switch result {
            case .success(let image): images.append(image)
            case .failure(let error): throw error.asRefusal(naming: "file \(index + 1) of \(files.count)")
            }
        }
        return images
    }

    // MARK: Pixels

    private func decode(
        _ slices: [ExaminedSlice],
        of images: [CTImageFile],
        into volume: inout Volume<Int16>
    ) throws(DicomError) -> [DecodedSlice] {
        let size = volume.geometry.dimensions.i * volume.geometry.dimensions.j
        let outcomes = Slots<Result<DecodedSlice, SliceFailure>>(count: slices.count)
        let pages = volume.voxels.pages
        volume.voxels.withUnsafeMutableBufferPointer { buffer in
            // Each slice is written as a whole by its thread; where one fails, the voxels are not used.
            let output = SendableBuffer(buffer)
            parallelFor(slices.count, threads: threads) { range in
                let worker = SliceDecoder(limits: limits, images: images, isCancelled: isCancelled)
                worker.decode(slices, range, size: size, into: output, outcomes) { done in
                    pages.touched(size)
                    // The last step is 1 exactly.
                    progress(1 - (1 - Self.headerShare) * Double(range.count - done) / Double(range.count))
                }
            }
        }
        var decoded: [DecodedSlice] = []
        for outcome in outcomes.values {
            switch outcome {
            case .success(let slice): decoded.append(slice)
            case .failure(let failure): throw failure.error.asRefusal(naming: failure.slice)
            }
        }
        return decoded
    }
}
