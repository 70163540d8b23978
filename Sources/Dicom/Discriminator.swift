import Imaging

/// A slice among many files: index of the header, and of the frame in it.
struct SlicePlace: Hashable {
    var header: Int
    var frame: Int
}

/// An attribute by which images that were not taken or reconstructed together are told apart.
struct Discriminator: Sendable {
    /// In `StackKey.part`.
    var name: String
    /// As PS3.6 calls it.
    var attribute: String
    /// Whether images in which it alternates along the stack are refused as one volume. Off where scanners and
    /// archives write values that mean nothing: then it only divides what it divides cleanly.
    var isBinding: Bool
    /// The value of each slice; nil where it has none.
    var values: @Sendable ([SlicePlace], [InstanceHeader]) -> [String?]

    /// In the order in which they are tried.
    static let all: [Discriminator] = [
        Discriminator("acquisition", "Acquisition Number", isBinding: true) { header, frame in
            (frame.acquisitionNumber ?? header.acquisitionNumber).map(String.init)
        },
        Discriminator("kernel", "Convolution Kernel", isBinding: true) { header, _ in
            header.convolutionKernel.flatMap { $0.isEmpty ? nil : $0.uppercased() }
        },
        Discriminator("type", "Image Type", isBinding: false) { header, frame in
            let values = frame.frameType ?? header.imageType
            return values.isEmpty ? nil : values.joined(separator: "\\").uppercased()
        },
        // Values 1 and 2 are changed by archives for single images: DERIVED means lossy compression, too.
        Discriminator("kind", "Image Type", isBinding: true) { header, frame in
            let values = (frame.frameType ?? header.imageType).dropFirst(2)
            return values.isEmpty ? nil : values.joined(separator: "\\").uppercased()
        },
        Discriminator("voltage", "KVP", isBinding: true) { header, _ in
            header.kvp.map { "\(Int(min($0, 10_000).rounded()))" }
        },
        Discriminator("phase", "Nominal Percentage of Cardiac Phase", isBinding: false) { _, frame in
            frame.cardiacPhase.map { "\((min($0, 1000) * 10).rounded() / 10)" }
        },
        Discriminator("thickness", "Slice Thickness", isBinding: false) { _, frame in
            frame.sliceThickness.map { "\((min($0, 1000) * 10).rounded() / 10)" }
        },
        Discriminator(name: "time", attribute: "Acquisition Time", isBinding: false, values: timeGroups),
    ]

    private init(
        name: String,
        attribute: String,
        isBinding: Bool,
        values: @escaping @Sendable ([SlicePlace], [InstanceHeader]) -> [String?]
    ) {
        self.name = name
        self.attribute = attribute
        self.isBinding = isBinding
        self.values = values
    }

    private init(
        _ name: String,
        _ attribute: String,
        isBinding: Bool,
        value: @escaping @Sendable (InstanceHeader, FrameHeader) -> String?
    ) {
        self.init(name: name, attribute: attribute, isBinding: isBinding) { slices, headers in
            slices.map { value(headers[$0.header], headers[$0.header].frames[$0.frame]) }
        }
    }

    /// A pause that no scan makes within one acquisition, seconds.
    static let longestPauseSeconds = 60.0

    /// Slices are of one group if no pause longer than `longestPauseSeconds` lies between them; a group is named by
    /// the second in which it began.
    private static let timeGroups: @Sendable ([SlicePlace], [InstanceHeader]) -> [String?] = { slices, headers in
        let times = slices.map { headers[$0.header].frames[$0.frame].acquisitionSeconds }
        let sorted = times.compactMap(\.self).sorted()
        var starts = sorted.prefix(1).map(\.self)
        for (earlier, later) in zip(sorted, sorted.dropFirst()) where later - earlier > longestPauseSeconds {
            starts.append(later)
        }
        return times.map { time in
            guard let time, let start = starts.last(where: { $0 <= time }) else { return nil }
            return Discriminator.clock(start)
        }
    }

    private static func clock(_ seconds: Double) -> String {
        let whole = Int(seconds)
        return [whole / 3600, whole / 60 % 60, whole % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined()
    }
}

/// Whether a value comes back after another one: `1 1 2 2` does not, `1 2 1 2` does. Slices without a value say nothing.
func alternates(_ values: [String?]) -> Bool {
    var ended: Set<String> = []
    var current: String?
    for value in values.compactMap(\.self) where value != current {
        if ended.contains(value) { return true }
        if let current { ended.insert(current) }
        current = value
    }
    return false
}
