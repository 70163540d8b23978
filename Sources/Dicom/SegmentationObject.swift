import Imaging

/// A DICOM Segmentation as it is read: segments and their frames, tolerantly. The pixels stay in the file, which has to stay
/// as it is.
package struct SegmentationObject: Sendable {
    package struct Segment: Sendable, Hashable {
        package var number: Int
        package var label: String
    }

    package var sopInstanceUID: String
    package var patient: PatientDigest?
    /// ISO 8601 without a zone; nil where it does not say when it was made.
    package var madeAt: String?
    package var frameOfReferenceUID: String?
    package var referencedSeriesInstanceUIDs: [String]
    package var segments: [Segment]
    private let frames: [Frame]
    private let columns: Int
    private let rows: Int
    private let pixels: FramePixelFile

    /// More than any CT has.
    private static let maximumSlices = 65_535.0

    private struct Frame: Sendable {
        var segment: Int
        var geometry: VolumeGeometry
    }

    /// - Throws: `DicomError`, or `StructureError.unreadable` when geometry or pixels cannot be used.
    package init(contentsOf path: String) throws {
        let shim = try ShimFile(opening: path)
        var frames = FrameCollector()
        let dataSet = try DataSetReader.read(shim, metaInformation: false, until: .pixelData) { path, item in
            switch path {
            case [.sharedFunctionalGroupsSequence]: frames.shared = item
            case [.perFrameFunctionalGroupsSequence]: frames.append(item)
            default: return false
            }
            return true
        }
        guard dataSet.string(.sopClassUID) == SOPClass.segmentation else {
            throw StructureError.unreadable(reason: "it is no Segmentation")
        }
        columns = dataSet.integer(.columns) ?? 0
        rows = dataSet.integer(.rows) ?? 0
        guard (1...8192).contains(columns), (1...8192).contains(rows) else {
            throw StructureError.unreadable(reason: "its matrix is impossible")
        }
        sopInstanceUID = dataSet.string(.sopInstanceUID) ?? ""
        patient = PatientDigest(dataSet)
        madeAt = dataSet.madeAt
        frameOfReferenceUID = dataSet.string(.frameOfReferenceUID)
        referencedSeriesInstanceUIDs = dataSet.sequence(.referencedSeriesSequence).compactMap {
            $0.string(.seriesInstanceUID)
        }
        segments = dataSet.sequence(.segmentSequence).compactMap { item in
            item.integer(.segmentNumber).map {
                Segment(number: $0, label: item.string(.segmentLabel) ?? "segment \($0)")
            }
        }
        self.frames = try frames.placed(columns: columns, rows: rows)
        pixels = try FramePixelFile(shim, dataSet, frames: self.frames.count, pixelsPerFrame: columns * rows)
    }

    /// Makes frames of the items of the Per-Frame Functional Groups Sequence.
    private struct FrameCollector {
        var shared = DataSet()
        private var frames: [Frame] = []
        private var isWithoutPlace = false

        mutating func append(_ item: DataSet) {
            if let frame = frame(item) { frames.append(frame) } else { isWithoutPlace = true }
        }

        func placed(columns: Int, rows: Int) throws(StructureError) -> [Frame] {
            guard !isWithoutPlace else { throw .unreadable(reason: "a frame has no place in the patient") }
            return frames.map { frame in
                var frame = frame
                frame.geometry.dimensions = Dimensions(i: columns, j: rows, k: 1)
                return frame
            }
        }

        /// With a matrix that is not known yet.
        private func frame(_ item: DataSet) -> Frame? {
            let position = value(item, .planePositionSequence, .imagePositionPatient)
            let orientation = value(item, .planeOrientationSequence, .imageOrientationPatient)
            let spacing = value(item, .pixelMeasuresSequence, .pixelSpacing)
            let number =
                (item.sequence(.segmentIdentificationSequence).first
                ?? shared.sequence(.segmentIdentificationSequence).first)?.integer(.referencedSegmentNumber)
            guard position.count == 3, position.allSatisfy({ abs($0) <= FrameHeader.farthestPositionMM }),
                orientation.count == 6, spacing.count == 2, spacing.allSatisfy({ $0 > 0 }),
                let number, let i = normalized(Vector3(orientation[0], orientation[1], orientation[2])),
                let j = normalized(Vector3(orientation[3], orientation[4], orientation[5])),
                let k = normalized(cross(i, j))
            else { return nil }
            return Frame(
                segment: number,
                geometry: VolumeGeometry(
                    dimensions: Dimensions(i: 0, j: 0, k: 1),
                    origin: PatientPoint(x: position[0], y: position[1], z: position[2]),
                    spacing: Vector3(spacing[1], spacing[0], 1),
                    directionI: i,
                    directionJ: j,
                    directionK: k,
                    frameOfReferenceUID: ""
                )
            )
        }

        private func value(_ frame: DataSet, _ group: Tag, _ tag: Tag) -> [Double] {
            let own = frame.sequence(group).first?.doubles(tag) ?? []
            return own.isEmpty ? shared.sequence(group).first?.doubles(tag) ?? [] : own
        }
    }

    /// The mask of a segment on a grid. Frames are matched to slices by position; a grid that differs in plane is
    /// sampled by nearest neighbour.
    ///
    /// - Returns: the mask and how many frames with a voxel lay on no slice of the grid.
    /// - Throws: `DicomError` when the file cannot be read any more.
    package func mask(
        ofSegment number: Int,
        on geometry: VolumeGeometry
    ) throws(DicomError) -> (mask: Mask, framesOutside: Int) {
        var mask = Mask(geometry: geometry, repeating: 0)
        var outside = 0
        let plane = geometry.dimensions.i * geometry.dimensions.j
        for (position, frame) in frames.enumerated() where frame.segment == number {
            let pixels = try pixels.frame(position)
            guard let (k, _) = place(of: frame, on: geometry) else {
                if (0..<rows * columns).contains(where: pixels.isSet) { outside += 1 }
                continue
            }
            let target = slice(of: geometry, k)
            mask.voxels.withUnsafeMutableBufferPointer { voxels in
                let slice = UnsafeMutableBufferPointer(rebasing: voxels[k * plane..<(k + 1) * plane])
                copy(pixels, of: frame.geometry, to: slice, target)
            }
        }
        return (mask, outside)
    }

    /// Calls `body` with each slice of a grid that frames of a segment lie on: 1 inside, i fastest.
    ///
    /// - Throws: `DicomError` when the file cannot be read any more.
    package func forEachSlice(
        ofSegment number: Int,
        on geometry: VolumeGeometry,
        _ body: (Int, UnsafeBufferPointer<UInt8>) -> Void
    ) throws(DicomError) {
        let own = frames.indices.filter { frames[$0].segment == number }
        let placed = own.compactMap { position in place(of: frames[position], on: geometry).map { ($0.0, position) } }
        for (k, positions) in Dictionary(grouping: placed, by: \.0).sorted(by: { $0.key < $1.key }) {
            var voxels = [UInt8](repeating: 0, count: geometry.dimensions.i * geometry.dimensions.j)
            let target = slice(of: geometry, k)
            for (_, position) in positions {
                let pixels = try pixels.frame(position)
                voxels.withUnsafeMutableBufferPointer { copy(pixels, of: frames[position].geometry, to: $0, target) }
            }
            voxels.withUnsafeBufferPointer { body(k, $0) }
        }
    }

    /// Sets the voxels of a slice that a frame covers.
    private func copy(
        _ pixels: FramePixels,
        of frame: VolumeGeometry,
        to voxels: UnsafeMutableBufferPointer<UInt8>,
        _ slice: VolumeGeometry
    ) {
        let map = GridMap(from: slice, to: frame)
        let (columnRange, rowRange) = covered(by: frame, on: slice)
        func index(_ place: Double, _ count: Int) -> Int? {
            let rounded = place.rounded()
            return rounded >= 0 && rounded < Double(count) ? Int(rounded) : nil
        }
        if map.stepI.y == 0, map.stepJ.x == 0 {
            // Parallel axes, as in our own objects: one table of columns for all rows.
            let x = columnRange.map { index(map.start.x + map.stepI.x * Double($0), columns) ?? -1 }
            for j in rowRange {
                guard let y = index(map.start.y + map.stepJ.y * Double(j), rows),
                    pixels.mayBeSet(y * columns..<(y + 1) * columns)
                else { continue }
                for (i, x) in zip(columnRange, x) where x >= 0 && pixels.isSet(y * columns + x) {
                    voxels[j * slice.dimensions.i + i] = 1
                }
            }
            return
        }
        for j in rowRange {
            for i in columnRange {
                let at = map.source(i: i, j: j, k: 0)
                guard let x = index(at.x, columns), let y = index(at.y, rows) else { continue }
                if pixels.isSet(y * columns + x) { voxels[j * slice.dimensions.i + i] = 1 }
            }
        }
    }

    /// Frames that `mask(ofSegment:on:)` takes to a slice that they do not lie on.
    package func offSlice(ofSegment number: Int, on geometry: VolumeGeometry) -> OffSlice {
        var result = OffSlice()
        for frame in frames where frame.segment == number {
            guard let (_, index) = place(of: frame, on: geometry) else { continue }
            result.note(index: index, spacingMM: geometry.spacing.z)
        }
        return result
    }

    /// Frames of a segment on a slice of the grid that have voxels beside its picture.
    ///
    /// - Throws: `DicomError` when the file cannot be read any more.
    package func framesBeside(ofSegment number: Int, on geometry: VolumeGeometry) throws(DicomError) -> Int {
        let (right, lower) = (Double(geometry.dimensions.i) - 0.49, Double(geometry.dimensions.j) - 0.49)
        func isBeside(_ frame: VolumeGeometry, _ column: Int, _ row: Int) -> Bool {
            let at = geometry.continuousIndex(of: frame.patientPoint(i: Double(column), j: Double(row), k: 0))
            return !(at.x >= -0.51 && at.x <= right && at.y >= -0.51 && at.y <= lower)
        }
        let corners = [(0, 0), (columns - 1, 0), (0, rows - 1), (columns - 1, rows - 1)]
        var count = 0
        for (position, frame) in frames.enumerated()
        where frame.segment == number && place(of: frame, on: geometry) != nil
            && corners.contains(where: { isBeside(frame.geometry, $0, $1) })
        {
            let pixels = try pixels.frame(position)
            let hasVoxelsBeside = (0..<rows * columns).contains { pixel in
                pixels.isSet(pixel) && isBeside(frame.geometry, pixel % columns, pixel / columns)
            }
            if hasVoxelsBeside { count += 1 }
        }
        return count
    }

    /// The lowest and the highest slice index of its frames on a grid; nil where none is parallel to its slices.
    package func slices(on geometry: VolumeGeometry) -> ClosedRange<Double>? {
        let parallel = frames.filter { abs(dot($0.geometry.directionK, geometry.directionK)) > 0.999 }
        let indices = parallel.map { geometry.continuousIndex(of: $0.geometry.origin).z }.filter(\.isFinite)
        guard let low = indices.min(), let high = indices.max() else { return nil }
        return low...high
    }

    /// The slice of a grid that a frame belongs to, and where it lies in slices.
    private func place(of frame: Frame, on geometry: VolumeGeometry) -> (k: Int, index: Double)? {
        let index = geometry.continuousIndex(of: frame.geometry.origin).z
        let k = index.rounded()
        guard index.isFinite, k >= 0, k < Double(geometry.dimensions.k), abs(index - k) <= 0.5,
            abs(dot(frame.geometry.directionK, geometry.directionK)) > 0.999
        else { return nil }
        return (Int(k), index)
    }

    /// The even grid that its frames lie on, from the lowest to the highest; nil where they span none. Slices without
    /// a frame (empty ones may be left out) are part of it.
    package var grid: VolumeGeometry? {
        guard let first = frames.first?.geometry,
            frames.allSatisfy({ $0.geometry.isParallel(to: first) })
        else { return nil }
        let sorted = frames.map { (dot($0.geometry.origin.vector, first.directionK), $0.geometry.origin) }
            .sorted { $0.0 < $1.0 }
        guard let lowest = sorted.first, let highest = sorted.last else { return nil }
        let steps = zip(sorted, sorted.dropFirst()).map { $1.0 - $0.0 }.filter { $0 > 0.01 }
        guard let step = steps.min() else { return nil }
        let isEven = steps.allSatisfy { abs(($0 / step).rounded() - $0 / step) < 0.02 }
        guard isEven else { return nil }
        var grid = first
        grid.frameOfReferenceUID = frameOfReferenceUID ?? ""
        let slices = ((highest.0 - lowest.0) / step).rounded() + 1
        guard slices <= SegmentationObject.maximumSlices else { return nil }
        grid.dimensions.k = Int(slices)
        grid.origin = lowest.1
        grid.spacing.z = (highest.0 - lowest.0) / Double(grid.dimensions.k - 1)
        return grid
    }

    /// Columns and rows of a slice that a frame can reach: a hostile object may have many thousand tiny frames.
    private func covered(by frame: VolumeGeometry, on slice: VolumeGeometry) -> (columns: Range<Int>, rows: Range<Int>)
    {
        let (right, lower) = (Double(columns) - 0.5, Double(rows) - 0.5)
        let corners = [(-0.5, -0.5), (right, -0.5), (-0.5, lower), (right, lower)].map {
            slice.continuousIndex(of: frame.patientPoint(i: $0, j: $1, k: 0))
        }
        func range(_ values: [Double], _ count: Int) -> Range<Int> {
            guard let low = values.min(), let high = values.max(), low.isFinite, high.isFinite else { return 0..<0 }
            let first = min(max(low.rounded(.down), 0), Double(count))
            let last = min(max(high.rounded(.up) + 1, first), Double(count))
            return Int(first)..<Int(last)
        }
        return (range(corners.map(\.x), slice.dimensions.i), range(corners.map(\.y), slice.dimensions.j))
    }

    private func slice(of geometry: VolumeGeometry, _ k: Int) -> VolumeGeometry {
        var slice = geometry
        slice.dimensions.k = 1
        slice.origin = geometry.patientPoint(i: 0, j: 0, k: Double(k))
        return slice
    }
}

extension VolumeGeometry {
    /// Whether two frames have the same orientation and pixel spacing.
    fileprivate func isParallel(to other: VolumeGeometry) -> Bool {
        dot(directionI, other.directionI) > 0.9999 && dot(directionJ, other.directionJ) > 0.9999
            && abs(spacing.x - other.spacing.x) < 1e-4 && abs(spacing.y - other.spacing.y) < 1e-4
    }
}
