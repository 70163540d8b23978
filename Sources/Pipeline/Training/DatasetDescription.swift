import Foundation

/// `dataset.json` of nnU-Net (`{"labels": {"background": 0, "Lung_L": 1}}`) or of the Medical Segmentation Decathlon
/// (`{"labels": {"0": "background", "1": "Lung_L"}}`).
struct DatasetDescription {
    /// Label by structure name, without background and `ignoredLabel`.
    private(set) var labels: [String: UInt8] = [:]
    /// nnU-Net's `ignore`: voxels of which nobody says what they are.
    private(set) var ignoredLabel: UInt8?
    /// Every value that has a name, those of nnU-Net's regions (`"lungs": [1, 2]`) included.
    private(set) var namedValues: Set<UInt8> = []
    /// What the images are, by channel: `channel_names` of nnU-Net, `modality` of the Decathlon; empty where it does not say.
    private(set) var channels: [String] = []

    init(contentsOf path: String) throws {
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
        let description = json as? [String: Any] ?? [:]
        for (key, value) in description["labels"] as? [String: Any] ?? [:] {
            if let name = value as? String, let label = UInt8(key) {
                add(name, label)
            } else if let label = (value as? Int).flatMap(UInt8.init(exactly:)) {
                add(key, label)
            } else {
                namedValues.formUnion((value as? [Int] ?? []).compactMap(UInt8.init(exactly:)))
            }
        }
        let channels = description["channel_names"] ?? description["modality"]
        self.channels = (channels as? [String: Any] ?? [:]).sorted { $0.key < $1.key }.compactMap {
            $0.value as? String
        }
    }

    private mutating func add(_ name: String, _ label: UInt8) {
        namedValues.insert(label)
        if name.lowercased() == "ignore" { ignoredLabel = label } else if label != 0 { labels[name] = label }
    }

    /// The first channel that is by name no CT; nil where all may be.
    var channelThatIsNoCT: String? {
        channels.first { channel in
            let words = channel.lowercased().split { !$0.isLetter }
            return !words.contains { $0.hasPrefix("ct") || $0.hasSuffix("ct") }
        }
    }
}
