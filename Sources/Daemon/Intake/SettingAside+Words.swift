import Store

extension SettingAside {
    static let conflictCode = "E_CONFLICTING_INSTANCES"

    /// What the service says of images of a Series whose SOP Instance UID came with other contents.
    package init(_ state: StateFolder, series number: Int64) {
        self.init(
            conflict: Self.conflict(inSeries: number),
            replaced: Words(
                code: "W_REPLACED",
                reason: "It was sent again with other content after its series was refused or cancelled."
            ),
            storedPath: { "\(state.quarantine)/\($0).dcm" }
        )
    }

    static func conflict(inSeries number: Int64?) -> Words {
        let place = number.map { " in series \($0)" } ?? ""
        return Words(
            code: conflictCode,
            reason: "Another file with the same SOP Instance UID was received before\(place); its content differs."
        )
    }
}
