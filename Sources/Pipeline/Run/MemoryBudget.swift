import Imaging
import Platform
import Segmentation

/// How much memory a stage may take, whatever the size of the CT. No result depends on it.
///
/// Volumes lie in files of the work folder, and of each a part is resident at a time; that part follows from the budget. The
/// rest is for what cannot be cut into slabs: the network, run lengths of structures, DICOM objects
/// (docs/decisions/0011-memory-budget.md).
package struct MemoryBudget: Sendable, Equatable {
    package let megabytes: Int
    /// Bytes of one volume that may be resident.
    package let allowance: Int

    package static let defaultMegabytes = 1536

    /// - Parameter allowance: nil: a twelfth. A stage works on three volumes at a time at most, so that is a quarter of all.
    package init(megabytes: Int = Self.defaultMegabytes, allowance: Int? = nil) {
        self.megabytes = megabytes
        self.allowance = allowance ?? (megabytes << 20) / 12
    }

    /// For volumes that only one stage needs.
    func files(in folder: String) -> VolumeMemory { .files(in: folder, allowance: allowance) }

    /// Refuses a CT before its pixels are read.
    func check(_ ct: VolumeGeometry, _ model: ModelPackage, threads: Int) throws {
        // A network has some pictures of its largest size at a time, and all that are joined later.
        let network = try 8 * model.largestPicture() * MemoryLayout<Float>.stride
        try check(needs: Self.program + threads * Self.thread + ct.dimensions.k * Self.slice + network)
    }

    /// Refuses the writing of structures before it begins.
    func check(_ structures: [SlicedMask]) throws(Fault) {
        try check(needs: bytes(objects: 1, of: structures))
    }

    /// Whether several DICOM objects of the structures may be written and read back at a time.
    func allows(objects: Int, of structures: [SlicedMask]) -> Bool {
        allows(bytes(objects: objects, of: structures))
    }

    private func bytes(objects: Int, of structures: [SlicedMask]) -> Int {
        let frames = structures.reduce(0) { $0 + $1.slices.count }
        let slices = structures.first?.geometry.dimensions.k ?? 0
        return Self.program + slices * Self.slice + objects * frames * Self.frame
    }

    private func allows(_ bytes: Int) -> Bool { ((bytes + 3 * allowance) >> 20) + 1 <= megabytes }

    private func check(needs bytes: Int) throws(Fault) {
        guard !allows(bytes) else { return }
        // What is for slabs grows with the budget: a quarter of it.
        let enough = ((bytes >> 20) + 1) * 4 / 3 + 1
        throw Fault(
            .operator,
            "E_MEMORY_BUDGET",
            "This series needs about \(enough) MiB of memory, more than work.memory_budget_mb allows (\(megabytes)).",
            hint: "Set work.memory_budget_mb to at least \(enough), then: systemctl reload contourd, contourctl resume"
        )
    }

    /// The program, its libraries and the weights of a network, as measured; so are these: headers of an image, and what the
    /// DICOM library keeps of a frame of a Segmentation, or of the contours of a slice, while they are read back.
    private static let program = 96 << 20
    /// What each thread works with: blocks of a network, planes of scores.
    private static let thread = 2 << 20
    private static let slice = 96 << 10
    private static let frame = 16 << 10
}
