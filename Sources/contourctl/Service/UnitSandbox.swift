import Foundation

/// What the installed unit lets the service see and write, as systemd tells it (systemd.exec(5), "Sandboxing").
struct UnitSandbox {
    private static let unit = "contourd.service"

    /// Folders that are empty for the service, and the setting that makes them so.
    private var hidden: [(folder: String, setting: String)] = []
    /// Whether everything is read-only that is not in `writable`.
    private var isReadOnly: Bool
    private var writable: [String]
    /// Folders that appear in the service's view wherever they lie.
    private var bound: [String]

    /// nil where no systemd runs, or where it has no such unit.
    init?() {
        guard Self.properties(of: "Unit", ["LoadState"])?.first as? String == "loaded" else { return nil }
        let own = [("StateDirectory", "/var/lib"), ("CacheDirectory", "/var/cache"), ("LogsDirectory", "/var/log")]
        let names = ["ProtectHome", "PrivateTmp", "ProtectSystem", "ReadWritePaths", "BindPaths"] + own.map(\.0)
        guard let values = Self.properties(of: "Service", names) else { return nil }
        // read-only homes are judged as everything else that is read-only.
        if ["yes", "tmpfs"].contains(values[0] as? String) {
            hidden += ["/home", "/root", "/run/user"].map { ($0, "ProtectHome") }
        }
        if values[1] as? Bool == true { hidden += ["/tmp", "/var/tmp"].map { ($0, "PrivateTmp") } }
        isReadOnly = values[2] as? String == "strict"
        // "-" marks folders that may be missing, "+" those below the service's own root.
        let given = (values[3] as? [String] ?? []).map { String($0.drop { "-+".contains($0) }) }
        writable =
            given
            + zip(own, values.dropFirst(5)).flatMap { folder, names in
                (names as? [String] ?? []).map { "\(folder.1)/\($0)" }
            }
        // source, destination, whether it may be missing, flags
        bound = (values[4] as? [[Any]] ?? []).compactMap { $0.dropFirst().first as? String }
    }

    /// Why the service cannot use a folder, and what to change; nil when the unit does not stand in its way.
    func obstacle(to path: String) -> String? {
        let place = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard !bound.contains(where: { holds($0, place) }) else { return nil }
        if let top = hidden.first(where: { holds($0.folder, place) }) {
            return
                "\(path): \(Self.unit) hides \(top.folder) from the service (\(top.setting)); choose a folder elsewhere, such as one below /srv"
        }
        guard isReadOnly, !writable.contains(where: { holds($0, place) }) else { return nil }
        return
            "\(path): \(Self.unit) lets the service only read there: systemctl edit contourd, then in [Service]: ReadWritePaths=\(path)"
    }

    private func holds(_ folder: String, _ path: String) -> Bool { path == folder || path.hasPrefix(folder + "/") }

    /// Values as JSON has them, in the order of the names; nil when systemd does not answer.
    private static func properties(of interface: String, _ names: [String]) -> [Any]? {
        let busctl = Process()
        busctl.executableURL = URL(fileURLWithPath: "/usr/bin/busctl")
        let escaped = unit.replacingOccurrences(of: ".", with: "_2e")
        busctl.arguments =
            [
                "--json=short", "get-property", "org.freedesktop.systemd1", "/org/freedesktop/systemd1/unit/\(escaped)",
                "org.freedesktop.systemd1.\(interface)",
            ] + names
        let answer = Pipe()
        busctl.standardOutput = answer
        busctl.standardError = FileHandle.nullDevice
        do {
            try busctl.run()
            let data = try answer.fileHandleForReading.readToEnd() ?? Data()
            busctl.waitUntilExit()
            let values = try data.split(separator: UInt8(ascii: "\n")).map { line in
                (try JSONSerialization.jsonObject(with: line) as? [String: Any])?["data"] ?? NSNull()
            }
            return values.count == names.count ? values : nil
        } catch {
            return nil  // a machine without systemd has no unit that stands in the way
        }
    }
}
